# SPDX-License-Identifier: GPL-2.0
set multiplot layout 1,2
set xlabel "folios unmapped at once (0: 512, as stock)"
is = '$1 == "migrate_pages" && $2 == '
set title 'Speed left to a thread whose memory moves, %'
set key top right
set yrange [0:100]
plot rows(is . 0) using 6:xtic(3) title 'no writes' lc rgb other, \
     rows(is . 10) using 6:xtic(3) title '10 % writes' lc rgb ours, \
     rows(is . 50) using 6:xtic(3) title '50 % writes' lc rgb stock
set title 'p99.9 of its touches, µs'
set yrange [1:10<*]
set logscale y
plot rows(is . 0) using 9:xtic(3) title 'no writes' lc rgb other, \
     rows(is . 10) using 9:xtic(3) title '10 % writes' lc rgb ours, \
     rows(is . 50) using 9:xtic(3) title '50 % writes' lc rgb stock
unset multiplot
