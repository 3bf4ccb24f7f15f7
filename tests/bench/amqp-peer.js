// amqp-peer.js consume|publish URL QUEUE COUNT - what amqp-tap and amqp-pub are measured
// beside: the least a node program does with amqplib. Lines are the bodies.
const amqp = require("amqplib");
const [what, url, queue, count] = process.argv.slice(2);

async function consume(channel) {
	let n = 0;
	await channel.prefetch(100);
	await new Promise((done) => channel.consume(queue, (m) => {
		process.stdout.write(JSON.stringify({ time: new Date().toISOString(), queue,
			exchange: m.fields.exchange, key: m.fields.routingKey,
			properties: m.properties, data: JSON.parse(m.content) }) + "\n");
		channel.ack(m);
		if (++n == count) done();
	}));
}

async function publish(channel) {
	const lines = require("readline").createInterface({ input: process.stdin });
	for await (const line of lines) {
		const record = JSON.parse(line);
		if (!channel.sendToQueue(queue, Buffer.from(JSON.stringify(record.data)),
			{ persistent: true, contentType: "application/json" }))
			await new Promise((drained) => channel.once("drain", drained));
	}
	await channel.waitForConfirms();
}

(async () => {
	const connection = await amqp.connect(url);
	if (what == "consume") await consume(await connection.createChannel());
	else await publish(await connection.createConfirmChannel());
	await connection.close();
})();
