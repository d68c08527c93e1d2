# SPDX-License-Identifier: GPL-2.0
set title 'Instructions of a fault while nothing moves'
plot rows('$1 == "stock"') using 4:xtic(2) title 'stock' lc rgb stock, \
     rows('$1 != "stock"') using 4 title 'swapmig' lc rgb ours
