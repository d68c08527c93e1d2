# SPDX-License-Identifier: GPL-2.0
# What all pictures have in common. csv, out and type come from the caller.
if (type eq 'svg') set terminal svg size 800,360 dynamic font 'sans-serif,12' background '#ffffff'
if (type eq 'png') set terminal pngcairo size 1200,540 font 'sans,13'
set output out
set datafile separator ','
set datafile commentschars '#'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set grid ytics lc rgb '#dddddd'
set border 3 lc rgb '#555555'
set tics nomirror scale 0.5
set key top left reverse Left samplen 1.5
set yrange [0:1<*]
stock = '#c0392b'
ours = '#2471a3'
other = '#7f8c8d'
# rows(TEST): those of the table for which an awk expression holds
rows(test) = sprintf("< grep -v '^#' '%s' | awk -F, 'NR > 1 && (%s)'", csv, test)
