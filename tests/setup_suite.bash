# Once around all test files of a run.

setup_suite() {
	# Brokers that tests start end with this process, however it ends.
	export RABBIT_OWNER=$$
}

teardown_suite() {
	# shellcheck source=lib/rabbit.bash
	. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/rabbit.bash"
	rabbit_kill_all
}
