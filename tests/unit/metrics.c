#include "metrics.h"


#include "io.h"
#include "unit.h"

TEST(a_family_has_help_type_and_its_samples)
{
	struct buf b = { 0 }, labels = { 0 };

	metrics_family(&b, "x_refused_total", METRICS_COUNTER, "Refused requests");
	metrics_label(&labels, "code", S("401"));
	metrics_label(&labels, "why", S("a\"b\\c\nd"));
	metrics_sample(&b, "x_refused_total", buf_cstr(&labels), 3);
	CHECK_SLICE(buf_view(&b), S("# HELP x_refused_total Refused requests\n"
	    "# TYPE x_refused_total counter\n"
	    "x_refused_total{code=\"401\",why=\"a\\\"b\\\\c\\nd\"} 3\n"));
	buf_free(&b);
	buf_free(&labels);
}

TEST(large_counters_keep_their_digits)
{
	struct buf b = { 0 };

	metrics_sample(&b, "x", NULL, 1234567890123456.0);
	metrics_sample(&b, "x", "", 0.25);
	metrics_sample(&b, "x", NULL, -1);
	CHECK_SLICE(buf_view(&b), S("x 1234567890123456\nx 0.25\nx -1\n"));
	buf_free(&b);
}

TEST(a_summary_has_sum_and_count)
{
	struct buf b = { 0 };

	metrics_summary(&b, "x_seconds", "Time", 1.5, 3);
	CHECK_SLICE(buf_view(&b), S("# HELP x_seconds Time\n# TYPE x_seconds summary\n"
	    "x_seconds_sum 1.5\nx_seconds_count 3\n"));
	buf_free(&b);
}

TEST(a_table_of_counters_is_rendered)
{
	uint64_t lines = 7;
	struct metric table[] = {
		{ "x_lines_total", METRICS_COUNTER, "Lines", &lines },
		{ 0 },
	};
	struct buf b = { 0 };

	metrics_table(&b, table);
	CHECK_SLICE(buf_view(&b),
	    S("# HELP x_lines_total Lines\n# TYPE x_lines_total counter\nx_lines_total 7\n"));
	buf_free(&b);
}

static int renders;

static void
render(struct buf *b, void *ctx)
{
	CHECK(ctx == &renders);
	buf_fmt(b, "x %d\n", ++renders);
}

TEST(the_file_has_the_table_and_what_is_rendered_behind_it)
{
	static uint64_t lines = 7;
	static const struct metric table[] = {
		{ "x_lines_total", METRICS_COUNTER, "Lines", &lines },
		{ 0 },
	};
	char path[] = "/tmp/metrics.XXXXXX";
	struct metrics_file f;
	struct buf b = { 0 };

	close(mkstemp(path));
	renders = 0;
	metrics_file_init(&f, path, table, render, &renders);
	metrics_file_finish(&f);
	CHECK(io_read_file(path, 1000, &b) == 0);
	CHECK_SLICE(buf_view(&b), S("# HELP x_lines_total Lines\n# TYPE x_lines_total counter\n"
	    "x_lines_total 7\nx 1\n"));
	buf_clear(&b);
	metrics_file_init(&f, path, table, NULL, NULL);
	metrics_file_finish(&f);
	CHECK(io_read_file(path, 1000, &b) == 0);
	CHECK_SLICE(buf_view(&b), S("# HELP x_lines_total Lines\n# TYPE x_lines_total counter\n"
	    "x_lines_total 7\n"));
	unlink(path);
	buf_free(&b);
}

TEST(the_file_is_written_at_once_when_due_and_at_the_end)
{
	char path[] = "/tmp/metrics.XXXXXX";
	struct metrics_file f;
	struct buf b = { 0 };

	close(mkstemp(path));
	renders = 0;
	metrics_file_init(&f, path, NULL, render, &renders);
	CHECK(metrics_file_wait(&f) == 0);
	metrics_file_tick(&f);
	metrics_file_tick(&f);
	CHECK(io_read_file(path, 100, &b) == 0);
	CHECK_SLICE(buf_view(&b), S("x 1\n"));
	CHECK(metrics_file_wait(&f) > 0 && metrics_file_wait(&f) <= METRICS_EVERY_MS);
	metrics_file_finish(&f);
	buf_clear(&b);
	CHECK(io_read_file(path, 100, &b) == 0);
	CHECK_SLICE(buf_view(&b), S("x 2\n"));
	unlink(path);
	buf_free(&b);
}

TEST(without_a_path_nothing_happens)
{
	struct metrics_file f;

	metrics_file_init(&f, NULL, NULL, render, &renders);
	renders = 0;
	CHECK(metrics_file_wait(&f) == -1);
	metrics_file_tick(&f);
	metrics_file_finish(&f);
	CHECK(renders == 0);
}

int
main(void)
{
	RUN(a_family_has_help_type_and_its_samples);
	RUN(large_counters_keep_their_digits);
	RUN(a_summary_has_sum_and_count);
	RUN(a_table_of_counters_is_rendered);
	RUN(the_file_is_written_at_once_when_due_and_at_the_end);
	RUN(the_file_has_the_table_and_what_is_rendered_behind_it);
	RUN(without_a_path_nothing_happens);
	return unit_done();
}
