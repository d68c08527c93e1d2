# SPDX-License-Identifier: GPL-2.0
set title 'Pages isolated and unmapped at any moment, at most'
set xlabel 'MiB moved'
set logscale y
set yrange [10:*]
plot rows('$1 == "stock"') using 5:xtic(2) title 'isolated, stock' lc rgb stock, \
     rows('$1 == "stock"') using 6 title 'unmapped, stock' lc rgb '#e6b0aa', \
     rows('$1 == "default"') using 5:xtic(2) title 'isolated, swapmig' lc rgb ours, \
     rows('$1 == "default"') using 6 title 'unmapped, swapmig' lc rgb '#a9cce3'
