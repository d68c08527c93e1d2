# SPDX-License-Identifier: GPL-2.0
# bench.awk: the lines of scripts/guest/bench as tables, goals met or not, and
# the data of the pictures.
BEGIN { FS = ","; OFS = "," }

function median(list, n,	a, i, j, t) {
	n = split(list, a, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) {
			t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
		}
	return n ? a[int((n + 1) / 2)] : 0
}

function goal(text, met, counted) {
	printf "%-8s %s\n", met ? "met" : "NOT MET", text
	if (!met && counted)
		failed = 1
}

$1 == "uncontended"	{ flat[$2] = flat[$2] " " $5 }
$1 == "batch"		{ batch[$2, $3] = $5; sizes[$3] = 1 }
$1 == "exchange"	{ x[$2, $3] = $0 }
$1 == "fill"		{ f[$2, $3] = $0 }
$1 == "size"		{ s[$2, $4] = $0 }
$1 == "memory"		{ mem[$2, $3] = $4 " pages, " $5 " samples: " $6 ", " $7 ", " $8 }
$1 == "block"		{ block[$2, $3, $4] = $0 }
$1 == "frames"		{ frames[$2] = $0 }
$1 == "stall" && NF > 10 || $1 == "full" && NF > 10 {
	k = ($1 == "full" ? "full_" : "") $2 "_" $3
	if (!(k in kept)) order[++nstall] = k
	kept[k] = kept[k] " " ($9 ? $9 / $8 : 0)
	speed0[k] = speed0[k] " " $8
	speed1[k] = speed1[k] " " $9
	p999[k] = p999[k] " " $11
	longest[k] = longest[k] " " $12
	call[k] = call[k] " " $13
}

# exchange: pages,ret A,ret B,calls A,calls B,first,misplaced,out,in,displaced,cost,touch,bad
function exchange(title, line,	a) {
	split(line, a, ",")
	printf "%-24s %8d %6d/%-6d %3d/%-3d %10d %9d %9d %12d\n", title, a[5],
		a[6], a[7], a[8], a[9], a[10], a[12], a[13], a[15]
	return a[15]
}

function heading(text) {
	printf "\n%s\n", text
}

END {
	ours = median(flat["ours"]); stock = median(flat["stock"])
	print "command: " command
	heading("Where there is room: instructions a page")
	printf "stock %d, ours %d, ratio %.3f\n", stock, ours, ours / stock
	heading("The same by vm.migration_batch (0: 512): direct alone, ours")
	for (n = 0; n <= 512; n = n ? n * 2 : 1)
		if (n in sizes)
			printf "%6d %8d %8d\n", n, batch["direct", n], batch["ours", n]
	heading("Exchange of two processes of 400 MiB on nodes of 512")
	head = sprintf("%-24s %8s %13s %7s %10s %9s %9s %12s", "", "pages",
		"returns", "calls", "misplaced*", "swap out", "swap in", "instr/page")
	print head
	n = split("none disk zram", swaps, " ")
	print "swap who misplaced out cost" > (dir "/exchange.dat")
	for (i = 1; i <= n; i++) {
		for (w = 1; w <= 2; w++) {
			who = w == 1 ? "stock" : "ours"
			split(x[who, swaps[i]], a, ",")
			cost = exchange("swap: " swaps[i] ", " who, x[who, swaps[i]])
			print swaps[i] " " who " " a[10] " " a[12] " " cost > (dir "/exchange.dat")
			if (who == "ours") {
				calls += a[8] + a[9]; wrong += a[10] + a[11] + a[17]
				io += a[12] + a[13]
				if (cost > worst) worst = cost
			}
		}
	}
	heading("The same at a fill of the nodes, in percent, without swap")
	print head
	n = split("25 50 75 90 97", fills, " ")
	for (i = 1; i <= n; i++) {
		exchange(fills[i] " %, stock", f["stock", fills[i]])
		exchange(fills[i] " %, ours", f["ours", fills[i]])
	}
	heading("The same by MiB of each process, nodes 90 % full")
	print head
	n = split("64 256 1024", mibs, " ")
	for (i = 1; i <= n; i++) {
		exchange(mibs[i] " MiB, stock", s["stock", mibs[i]])
		c = exchange(mibs[i] " MiB, ours", s["ours", mibs[i]])
		if (i == 1) small = c
		else if (c > high) high = c
	}
	print "* after one call each; calls: until nothing is misplaced, three at most"
	heading("Kernel memory taken by a request, KiB (see swapmig_bench.c)")
	for (k in mem) {
		split(k, a, SUBSEP)
		printf "%-6s %5d MiB: %s\n", a[1], a[2], mem[k]
	}
	heading("A block with 100 MiB in use is taken offline, by fill of the other node")
	printf "%-24s %8s %8s %12s %9s %6s %8s\n", "", "returns", "rounds",
		"M instr.", "swap out", "killed", "changed"
	split("none disk", swaps, " ")
	split("50 90 99", fills, " ")
	for (i = 1; i <= 2; i++)
		for (n = 1; n <= 3; n++)
			for (w = 1; w <= 2; w++) {
				who = w == 1 ? "stock" : "ours"
				if (split(block[who, swaps[i], fills[n]], a, ",") < 11)
					continue
				printf "%-24s %8d %8s %12d %9d %6d %8d\n",
					"swap: " swaps[i] ", " fills[n] " %, " who, a[6],
					a[7] < 0 ? "-" : a[7], a[8], a[9], a[10], a[11]
				if (who == "ours" && (a[10] || a[11]))
					harm++
				if (who == "ours" && swaps[i] == "disk" && a[6])
					harm++
			}
	heading("1,000 frames of pages in use go bad, memory full, swap disk")
	for (w = 1; w <= 2; w++) {
		who = w == 1 ? "stock" : "ours"
		split(frames[who], a, ",")
		printf "%-6s %d of %d taken out of service, %d M instructions, %d pages changed\n",
			who, a[5], a[4], a[6], a[7]
		if (who == "ours" && (a[5] < a[4] || a[7]))
			harm++
	}
	heading("A thread that touches what is migrated, 128 MiB, medians")
	printf "%-12s %11s %11s %6s %10s %11s %9s\n", "", "touches/s", "during",
		"kept", "p99.9 us", "longest us", "call ms"
	print "batch kept p999" > (dir "/stall.dat")
	for (i = 1; i <= nstall; i++) {
		k = order[i]
		printf "%-12s %11d %11d %5.1f%% %10.1f %11.1f %9.1f\n",
			k, median(speed0[k]), median(speed1[k]),
			100 * median(kept[k]), median(p999[k]), median(longest[k]),
			median(call[k])
		print k " " median(kept[k]) * 100 " " median(p999[k]) > (dir "/stall.dat")
	}
	print "stock: direct alone, batches of 512, as 0 is; full_: target full, swap disk"
	heading("Goals")
	goal("uncontended cost a page at most 1.02 of stock's", ours <= 1.02 * stock, 1)
	goal("exchange: one call each", calls == 6, 1)
	goal("exchange: no page misplaced or changed", wrong == 0, 1)
	goal("exchange: no page to or from swap", io == 0, 1)
	goal(sprintf("exchange: cost a page at most 1.10 of uncontended (%.3f)",
		worst / stock), worst <= 1.10 * stock, 1)
	goal(sprintf("cost a page does not grow with the size (%.3f of 64 MiB)",
		high / small), high <= 1.05 * small, 1)
	goal("offline: done where there is swap, nobody killed, nothing changed", !harm, 1)
	d = "ours_32"; k = "stock_0"
	goal(sprintf("stall: 5 times stock's speed kept (%.1f)",
		median(kept[d]) / (median(kept[k]) + 1e-9)), median(kept[d]) >= 5 * median(kept[k]), 0)
	goal(sprintf("stall: a tenth of stock's p99.9 (1/%.1f)",
		median(p999[k]) / (median(p999[d]) + 1e-9)), 10 * median(p999[d]) <= median(p999[k]), 0)
	goal(sprintf("stall: the call no longer than stock's (%.2f)",
		median(call[d]) / (median(call[k]) + 1e-9)), median(call[d]) <= median(call[k]), 0)
	exit failed
}
