%% bus - what the tests ask of their RabbitMQ, run inside the broker itself (rabbit.bash).
%% The broker's own client and terms are the independent peer of amqp-tap and amqp-pub.
-module(bus).
-export([vhost/1, drop_vhost/1, exchange/4, queue/4, delete_queue/2, delete_exchange/2,
	 bind/4, bind/5, publish/5, publish/6, count/2, take/2, stats/2, queues/1,
	 kick/1, large/4, consumers/2, equal/3, same/3, mixed/3]).
-include_lib("amqp_client/include/amqp_client.hrl").

%% A virtual host of a test's own, with all rights for guest.
vhost(V) ->
	case rabbit_vhost:exists(V) of
		true -> ok;
		false -> rabbit_vhost:add(V, <<"tests">>)
	end,
	rabbit_auth_backend_internal:set_permissions(<<"guest">>, V, <<".*">>, <<".*">>, <<".*">>,
	    <<"tests">>),
	ok.

drop_vhost(V) ->
	rabbit_vhost:delete(V, <<"tests">>),
	ok.

%% Run F with a channel to the virtual host.
with_channel(V, F) ->
	{ok, _} = application:ensure_all_started(amqp_client),
	{ok, Conn} = amqp_connection:start(#amqp_params_direct{virtual_host = V,
	    username = <<"guest">>, password = <<"guest">>}),
	try
		{ok, Ch} = amqp_connection:open_channel(Conn),
		F(Ch)
	after
		catch amqp_connection:close(Conn)
	end.

exchange(V, Name, Type, Durable) ->
	with_channel(V, fun(Ch) ->
		#'exchange.declare_ok'{} = amqp_channel:call(Ch, #'exchange.declare'{
		    exchange = Name, type = Type, durable = Durable}),
		ok
	end).

queue(V, Name, Durable, Args) ->
	with_channel(V, fun(Ch) ->
		#'queue.declare_ok'{} = amqp_channel:call(Ch, #'queue.declare'{
		    queue = Name, durable = Durable, arguments = Args}),
		ok
	end).

delete_queue(V, Name) ->
	with_channel(V, fun(Ch) ->
		#'queue.delete_ok'{} = amqp_channel:call(Ch, #'queue.delete'{queue = Name}),
		ok
	end).

delete_exchange(V, Name) ->
	with_channel(V, fun(Ch) ->
		#'exchange.delete_ok'{} = amqp_channel:call(Ch, #'exchange.delete'{exchange = Name}),
		ok
	end).

bind(V, Queue, Exchange, Key) ->
	bind(V, Queue, Exchange, Key, []).

bind(V, Queue, Exchange, Key, Args) ->
	with_channel(V, fun(Ch) ->
		#'queue.bind_ok'{} = amqp_channel:call(Ch, #'queue.bind'{
		    queue = Queue, exchange = Exchange, routing_key = Key, arguments = Args}),
		ok
	end).

%% Publish each of Bodies, confirmed.
publish(V, Exchange, Key, Props, Bodies) ->
	publish(V, Exchange, Key, Props, Bodies, 60).

publish(V, Exchange, Key, Props, Bodies, Seconds) ->
	with_channel(V, fun(Ch) ->
		#'confirm.select_ok'{} = amqp_channel:call(Ch, #'confirm.select'{}),
		[ok = amqp_channel:cast(Ch,
		    #'basic.publish'{exchange = Exchange, routing_key = Key},
		    #amqp_msg{props = Props, payload = B}) || B <- Bodies],
		true = amqp_channel:wait_for_confirms(Ch, Seconds),
		ok
	end).

lookup(V, Queue, Items) ->
	case rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, Queue)) of
		{ok, Q} -> [X || {_, X} <- rabbit_amqqueue:info(Q, Items)];
		{error, not_found} -> gone
	end.

%% Messages in the queue, those out with a consumer included; the atom gone without one.
count(V, Queue) ->
	case lookup(V, Queue, [messages]) of
		[N] -> N;
		Other -> Other
	end.

%% {Ready, Unacknowledged}
stats(V, Queue) ->
	case lookup(V, Queue, [messages_ready, messages_unacknowledged]) of
		[Ready, Out] -> {Ready, Out};
		Other -> Other
	end.

consumers(V, Queue) ->
	case lookup(V, Queue, [consumers]) of
		[N] -> N;
		Other -> Other
	end.

queues(V) ->
	[rabbit_amqqueue:info(Q, [name, durable, exclusive, auto_delete, arguments])
	    || Q <- rabbit_amqqueue:list(V)].

%% All messages of a queue, taken out of it, as {Redelivered, Exchange, Key, Props, Body}.
take(V, Queue) ->
	with_channel(V, fun(Ch) -> take_all(Ch, Queue, []) end).

take_all(Ch, Queue, Acc) ->
	case amqp_channel:call(Ch, #'basic.get'{queue = Queue, no_ack = true}) of
		{#'basic.get_ok'{redelivered = R, exchange = X, routing_key = K},
		    #amqp_msg{props = P, payload = B}} ->
			take_all(Ch, Queue, [{R, X, K, P, B} | Acc]);
		#'basic.get_empty'{} -> lists:reverse(Acc)
	end.

%% Close the client connections to a virtual host, as an operator's
%% close_all_connections does.
kick(V) ->
	[rabbit_networking:close_connection(P, "tests") || P <- rabbit_networking:connections(),
	    (catch rabbit_reader:info(P, [vhost])) =:= [{vhost, V}]],
	ok.

%% N messages of Size bytes of text.
large(V, Queue, N, Size) ->
	Body = binary:part(binary:copy(<<"0123456789abcdef">>, Size div 16 + 1), 0, Size),
	publish(V, <<>>, Queue, #'P_basic'{}, lists:duplicate(N, Body)).

%% Put N messages of every kind into a queue: each property, each header type, bodies of
%% JSON, text, bytes, and one of 1 MiB in each thousand.
mixed(V, Queue, N) ->
	with_channel(V, fun(Ch) ->
		#'confirm.select_ok'{} = amqp_channel:call(Ch, #'confirm.select'{}),
		[ok = amqp_channel:cast(Ch, #'basic.publish'{routing_key = Queue}, message(I))
		    || I <- lists:seq(1, N)],
		true = amqp_channel:wait_for_confirms(Ch, 120),
		ok
	end).

message(I) ->
	#amqp_msg{props = props(I rem 4, I), payload = body(I rem 6, I)}.

props(0, _) -> #'P_basic'{};
props(1, I) ->
	#'P_basic'{content_type = <<"application/json">>, content_encoding = <<"utf-8">>,
	    delivery_mode = 2, priority = I rem 10, correlation_id = integer_to_binary(I),
	    reply_to = <<"answers">>, expiration = <<"3600000">>, message_id = <<"m\"\\/", 226, 130, 172>>,
	    timestamp = 1700000000 + I, type = <<"created">>, user_id = <<"guest">>,
	    app_id = <<"bus">>, cluster_id = <<"c">>};
props(2, I) ->
	#'P_basic'{delivery_mode = 1, headers = headers(I)};
props(3, I) ->
	#'P_basic'{headers = [{<<"n">>, long, I}], content_encoding = <<"gzip">>, type = <<>>}.

headers(I) ->
	[{<<"text">>, longstr, <<"a \"b\" ", 195, 169, 10>>},
	 {<<"bytes">>, longstr, <<0, 255, 254, I:16>>},
	 {<<"nul">>, longstr, <<"a", 0, "b">>},
	 {<<"empty">>, longstr, <<>>},
	 {<<"int">>, signedint, -I},
	 {<<"uint">>, unsignedint, 4294967295},
	 {<<"long">>, long, 9223372036854775807 - I},
	 {<<"negative">>, long, -9223372036854775808},
	 {<<"small">>, long, 1},
	 {<<"byte">>, byte, -128},
	 {<<"ubyte">>, unsignedbyte, 255},
	 {<<"short">>, short, -32768},
	 {<<"ushort">>, unsignedshort, 65535},
	 {<<"float">>, float, 1.5},
	 {<<"double">>, double, 0.1},
	 {<<"whole">>, double, 3.0},
	 {<<"tiny">>, double, 5.0e-324},
	 {<<"yes">>, bool, true},
	 {<<"no">>, bool, false},
	 {<<"void">>, void, undefined},
	 {<<"time">>, timestamp, 1700000000 + I},
	 {<<"decimal">>, decimal, {2, 150}},
	 {<<"binary">>, binary, <<1, 2, 0, 255>>},
	 {<<"!timestamp">>, table, [{<<"!timestamp">>, long, I}]},
	 {<<"table">>, table, [{<<"a">>, array, [{long, 1}, {longstr, <<"x">>}, {array, []},
	     {table, []}, {void, undefined}, {timestamp, I}]}, {<<"b">>, signedint, 7}]},
	 {<<"same">>, signedint, 1},
	 {<<"same">>, signedint, 2}].

body(0, I) -> <<"{\"n\":", (integer_to_binary(I))/binary, ",\"big\":9007199254740993,\"n\":1e400}">>;
body(1, I) -> <<"text ", (integer_to_binary(I))/binary, 10, 195, 169>>;
body(2, I) -> <<0, 255, 128, I:32>>;
body(3, I) when I rem 999 =:= 0 -> binary:copy(<<"0123456789abcdef">>, 65536);
body(3, I) -> <<"[", (integer_to_binary(I))/binary, " ,\n\t2]">>;
body(4, _) -> <<>>;
body(5, I) -> <<31, 139, 8, 0, I:64>>.

%% Compare what is in two queues, in order, and take it out: {equal, N}, or the first
%% difference. In `equal` a body that is JSON may differ in line ends; in `same` none.
equal(V, Left, Right) ->
	compare(V, Left, Right, fun(B) -> binary:replace(B, <<10>>, <<" ">>, [global]) end).

same(V, Left, Right) ->
	compare(V, Left, Right, fun(B) -> B end).

compare(V, Left, Right, Normal) ->
	with_channel(V, fun(L) -> with_channel(V, fun(R) ->
		compare(L, Left, R, Right, Normal, 0)
	end) end).

compare(L, Left, R, Right, Normal, N) ->
	case {get(L, Left), get(R, Right)} of
		{none, none} -> {equal, N};
		{{P, B}, {P, B}} -> compare(L, Left, R, Right, Normal, N + 1);
		{{P, B}, {P, C}} ->
			case Normal(B) of
				C -> compare(L, Left, R, Right, Normal, N + 1);
				_ -> {differ, N + 1, B, C}
			end;
		{A, B} -> {differ, N + 1, A, B}
	end.

get(Ch, Queue) ->
	case amqp_channel:call(Ch, #'basic.get'{queue = Queue, no_ack = true}) of
		{#'basic.get_ok'{}, #amqp_msg{props = P, payload = B}} -> {P, B};
		#'basic.get_empty'{} -> none
	end.
