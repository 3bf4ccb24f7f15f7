# What the tools say of themselves is the same everywhere: --help, manual, completions.

load lib/common

programs() { ls "$ROOT/cmd"; }

# The long options of a program, one a line.
options() { "$1" --help-table | cut -f 1 | sort; }

# The long options that a manual describes, each at an .It line.
documented() {
	sed -n 's/^\.It //p' "$ROOT/man/$1.1" | grep -o 'Fl -[a-z0-9][a-z0-9-]*' | sed 's/Fl -//' | sort -u
}

@test "every option of --help is in the manual, and the other way round" {
	for p in $(programs); do
		diff <(options "$p") <(documented "$p") || { echo "^ $p: < --help, > manual"; return 1; }
	done
}

@test "a letter means the same long option in the manual as in --help" {
	for p in $(programs); do
		"$p" --help-table | cut -f 1,2 | while IFS=$'\t' read -r name letter; do
			[ -z "$letter" ] || grep -Eq "^\.It Fl $letter( Ar [^,]*)? , (Fl )?Fl?-?-?$name|^\.It Fl $letter( Ar [^,]*)? , Fl -$name" "$ROOT/man/$p.1" ||
				{ echo "$p: -$letter --$name"; return 1; }
		done
	done
}

@test "every program answers --help and --version on stdout, with 0" {
	for p in $(programs); do
		run -0 --separate-stderr "$p" --help
		[ -z "$stderr" ]
		[[ ${lines[0]} == "usage: $p "* ]]
		run -0 --separate-stderr "$p" --version
		[ "$output" = "$p $(< "$ROOT/VERSION")" ]
	done
}

@test "an unknown option is one line and exit code 2, abbreviations too" {
	for p in $(programs); do
		run -2 --separate-stderr "$p" --no-such-option
		[ "$stderr" = "$p: unknown option --no-such-option; see $p --help" ]
		run -2 --separate-stderr "$p" --versio
		[ "$stderr" = "$p: unknown option --versio; see $p --help" ]
	done
}

@test "every program has a manual that the lint passes" {
	for p in $(programs); do
		run -0 mandoc -Tlint -Wwarning "$ROOT/man/$p.1"
		[ -z "$output" ]
	done
}

@test "the completions are what the option tables say" {
	mapfile -t all < <(programs)
	OUT=$T "$ROOT/completions/generate" "${all[@]}"
	for f in wsutils.bash _wsutils wsutils.fish; do
		diff "$ROOT/completions/$f" "$T/$f" || { echo "^ run: make completions"; return 1; }
	done
}

@test "make help names every target that a reader is told of" {
	run -0 make -s -C "$ROOT" help
	for t in $(grep -oh 'make [a-z-]*' "$ROOT/README.md" "$ROOT/CONTRIBUTING.md" | sort -u | cut -d ' ' -f 2); do
		[ "$t" = help ] && continue
		grep -q "^make $t " <<< "$output" || { echo "not there: make $t"; return 1; }
	done
}

@test "every file that README and CONTRIBUTING name is there" {
	cd "$ROOT"
	grep -oh '`[a-z.]*/[A-Za-z0-9./_-]*`' README.md CONTRIBUTING.md | tr -d '`' | sort -u | while read -r f; do
		case $f in build* | dist/) continue ;; cmd/NAME/) f=cmd/ ;; esac
		[ -e "$f" ] || [ -e "cmd/$f" ] || { echo "not there: $f"; return 1; }
	done
}

# What bash offers for the last word of a command line.
offers() {
	bash -c '
		source "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_wsutils "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' _ "$ROOT/completions/wsutils.bash" "$@"
}

@test "bash completes options, values and file names" {
	run -0 offers ws-serve --ping-i
	[ "$output" = --ping-interval ]
	run -0 offers amqp-tap --ack ''
	[ "$output" = $'write\nstdin\nnone' ]
	run -0 offers amqp-tap --ack = s
	[ "$output" = stdin ]
	cd "$T"
	touch gateway.routes
	run -0 offers ws-route gate
	[ "$output" = gateway.routes ]
	run -0 offers jwt-check --key-file gate
	[ "$output" = gateway.routes ]
}

@test "fish completes options and values" {
	command -v fish > /dev/null || skip "no fish here"
	export HOME=$T
	run -0 fish -c "source $ROOT/completions/wsutils.fish; complete -C 'ws-serve --ping-int'"
	[[ $output == *--ping-interval* ]]
	run -0 fish -c "source $ROOT/completions/wsutils.fish; complete -C 'amqp-tap --ack '"
	[[ $output == *write* && $output == *stdin* ]]
}

@test "zsh completes options and values" {
	command -v zsh > /dev/null || skip "no zsh here"
	run -0 /usr/bin/python3 "$ROOT/tests/lib/zsh-complete.py" "$ROOT/completions" 'ws-serve --ping-int'
	[[ $output == *--ping-interval* ]]
	run -0 /usr/bin/python3 "$ROOT/tests/lib/zsh-complete.py" "$ROOT/completions" 'amqp-tap --ack '
	[[ $output == *write* && $output == *stdin* ]]
}
