# Nothing is lost between amqp-tap and amqp-pub, whatever dies. The same in large:
# soak/amqp.bats.

load lib/common
load lib/rabbit
load lib/faults

@test "messages of every kind arrive equal in properties, headers and body" {
	requires_rabbitmq
	for q in a b original; do declare_queue $q; done
	bus mixed a =3000 > /dev/null
	bus mixed original =3000 > /dev/null
	amqp-tap -q a -n 3000 | amqp-pub -q b
	run -0 bus equal original b
	[ "$output" = "{equal, 3000}" ]
	bus mixed a =100 > /dev/null
	bus mixed original =100 > /dev/null
	amqp-tap --payload text -q a -n 100 | amqp-pub -q b
	run -0 bus same original b
	[ "$output" = "{equal, 100}" ]
}

@test "stages are killed, connections closed, the broker restarted: none is missing" {
	requires_rabbitmq_alone
	move_all 4000 3 2 1
}
