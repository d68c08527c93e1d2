# SPDX-License-Identifier: GPL-2.0
set multiplot layout 1,2
set xlabel 'MiB moved'
set key bottom left opaque
do for [pages in '"4 KiB" "2 MiB"'] {
	is = sprintf('$2 == "%s"', pages)
	set title sprintf('Instructions a page of 4 KiB, pages of %s', pages)
	plot rows('$1 == "stock" && ' . is) using 6:xtic(3) title 'stock' lc rgb stock, \
	     rows('$1 == "direct batch 32" && ' . is) using 6 title 'batches of 32' lc rgb other, \
	     rows('$1 == "default" && ' . is) using 6 title 'default' lc rgb ours
}
unset multiplot
