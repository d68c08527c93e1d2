# SPDX-License-Identifier: GPL-2.0
set multiplot layout 1,2
set xlabel 'how full the four nodes are, %; swap'
mib = 256.0
set title 'On the wrong node afterwards, MiB'
plot rows('$1 == "stock"') using ($7 / mib):xtic(sprintf('%s %s', strcol(4), strcol(3))) title 'stock' lc rgb stock, \
     rows('$1 != "stock"') using ($7 / mib) title 'swapmig' lc rgb ours
set title 'Written to swap, MiB'
plot rows('$1 == "stock"') using ($8 / mib):xtic(sprintf('%s %s', strcol(4), strcol(3))) title 'stock' lc rgb stock, \
     rows('$1 != "stock"') using ($8 / mib) title 'swapmig' lc rgb ours
unset multiplot
