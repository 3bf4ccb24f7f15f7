/* sources: cmd/ws-connect/jsonseq.c cmd/ws-connect/outq.c */
/* ws-connect from end to end of its pipes: a message that comes in is one line, and the
 * line read by another ws-connect is the message; any input is messages or told. A byte
 * of options, then the message or the input. */
#include "../../cmd/ws-connect/input.c"
#include "../../cmd/ws-connect/output.c"

#include "mem.h"
#include "fuzz.h"

void tty_show(struct tty *t, char mark, struct slice line) { (void)t; (void)mark; (void)line; abort(); }

static const char *match[] = { "data.id=7", "type=x" };

/* Give the input these bytes at once. */
static void
feed(struct input *in, struct slice text)
{
	if (in->o->json_seq) {
		buf_slice(&in->values.b, text);
		in->values.eof = true;
		return;
	}
	in->lines.p = mem_copy(text.p ? text.p : "", text.n);
	in->lines.end = text.n;
	in->lines.cap = text.n + 1;
	in->lines.eof = true;
}

static void
there_and_back(const struct options *o, struct slice body, bool binary)
{
	struct output out = { .o = o, .out.fd = -1 };
	struct outmsg *m = NULL;
	struct input in;
	struct input_close c;

	if (output_message(&out, body, binary)) {
		struct slice line = buf_view(&out.out.b);

		need(out.written == 1 && line.n && line.p[line.n - 1] == (o->nul ? '\0' : '\n'));
		line.n--;
		if (!o->raw)
			need(js_valid(line, NULL) && slice_find(line, '\n') == line.n);
		line.n++;
		input_init(&in, o);
		feed(&in, line);
		/* Raw messages may hold the very byte that ends them. */
		if (o->records) {
			need(input_take(&in, &m, &c) == INPUT_MESSAGE);
			need(m->binary == (binary || o->payload == REC_BASE64));
			if (binary || !js_valid(body, NULL) || o->payload != REC_AUTO)
				need(slice_eq(slice_of(m->p, m->n), body));
			else
				need(m->n == slice_trim(body).n);
			free(m);
			need(input_take(&in, &m, &c) == INPUT_END && !in.rejected);
		}
		input_free(&in);
	}
	output_free(&out);
}

static void
any_input(const struct options *o, struct slice text)
{
	struct input in;
	struct outmsg *m;
	struct input_close c;
	enum input_status status;

	input_init(&in, o);
	feed(&in, text);
	while ((status = input_take(&in, &m, &c)) != INPUT_END) {
		need(status == INPUT_MESSAGE || status == INPUT_CLOSE);
		if (status == INPUT_MESSAGE) {
			need(m->n <= (size_t)o->max_message);
			need(m->binary || utf8_valid(slice_of(m->p, m->n)));
			free(m);
		} else {
			need(frame_close_code_ok(c.code) && c.reason.n <= 123 && utf8_valid(c.reason));
		}
	}
	need(!input_waits(&in));
	input_free(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_from(slice_of((const char *)data, size), 1);
	struct options o = { .max_line = 1 << 20, .max_message = 1 << 20 };
	bool binary;

	if (!size)
		return 0;
	msg_setup(MSG_ERROR, false);
	binary = data[0] & 1;
	o.records = data[0] & 2;
	o.nul = data[0] & 4;
	o.raw = data[0] & 8;
	o.payload = data[0] >> 4 & 3;
	if (o.payload == 3) {
		o.payload = REC_AUTO;
		o.match = (struct opt_list){ match, 1 };
	}
	if (data[0] & 64) {
		o.binary = binary;
		o.json_seq = data[0] & 128;
		o.max_message = 100;
		any_input(&o, rest);
	} else if (binary || utf8_valid(rest)) {
		if (o.records)
			o.nul = false;
		there_and_back(&o, rest, binary);
	}
	return 0;
}
