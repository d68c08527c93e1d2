# SPDX-License-Identifier: GPL-2.0
# bench.gnuplot: run in the directory of the data, with command= set.
set terminal svg size 720,400 font "sans,12"
set style data histograms
set style fill solid 0.8
set grid ytics
set xtics font ",9"
set output "exchange.svg"
set title "Two processes of 400 MiB change places on nodes of 512 MiB\n" . command
set ylabel "pages written to swap, or misplaced"
plot "<awk 'NR > 1' exchange.dat" using 4:xtic(strcol(1)." ".strcol(2)) title "written to swap", \
	"" using 3 title "misplaced"
set output "stall.svg"
set title "A thread that touches what is being migrated\n" . command
set ylabel "speed kept while migrated, %"
plot "<awk 'NR > 1' stall.dat" using 2:xtic(1) title "stock: batches of 512; ours by vm.migration_batch"
