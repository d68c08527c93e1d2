# SPDX-License-Identifier: GPL-2.0
set multiplot layout 1,2
set xlabel 'how full the two nodes are, %'
pages = '$2 == "4 KiB" && $4 !~ /\/0$/'
mib = 256.0
set title 'No swap: on the wrong node afterwards, MiB'
plot rows('$1 == "stock" && $3 == "none" && ' . pages) using ($7 / mib):xtic(4) title 'stock' lc rgb stock, \
     rows('$1 != "stock" && $3 == "none" && ' . pages) using ($7 / mib) title 'swapmig' lc rgb ours
set title 'Disk swap: written to it, MiB'
plot rows('$1 == "stock" && $3 == "disk" && ' . pages) using ($8 / mib):xtic(4) title 'stock' lc rgb stock, \
     rows('$1 != "stock" && $3 == "disk" && ' . pages) using ($8 / mib) title 'swapmig' lc rgb ours
unset multiplot
