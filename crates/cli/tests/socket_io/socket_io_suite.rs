//! The cases of the Socket.IO protocol, version 5, in the order of its document's test suite.

/// The document repeats 16 cases of the suite of Engine.IO. Here they are the same functions.
mod engine_io_protocol {
    mod handshake {
        mod http_long_polling {
            use crate::engine_io_suite::handshake::http_long_polling as suite;

            #[test]
            fn should_successfully_open_a_session() {
                suite::successfully_opens_a_session();
            }

            #[test]
            fn should_fail_with_an_invalid_eio_query_parameter() {
                suite::fails_with_an_invalid_eio_query_parameter();
            }

            #[test]
            fn should_fail_with_an_invalid_transport_query_parameter() {
                suite::fails_with_an_invalid_transport_query_parameter();
            }

            #[test]
            fn should_fail_with_an_invalid_request_method() {
                suite::fails_with_an_invalid_request_method();
            }
        }

        mod websocket {
            use crate::engine_io_suite::handshake::websocket as suite;

            #[test]
            fn should_successfully_open_a_session() {
                suite::successfully_opens_a_session();
            }

            #[test]
            fn should_fail_with_an_invalid_eio_query_parameter() {
                suite::fails_with_an_invalid_eio_query_parameter();
            }

            #[test]
            fn should_fail_with_an_invalid_transport_query_parameter() {
                suite::fails_with_an_invalid_transport_query_parameter();
            }
        }
    }

    mod heartbeat {
        mod http_long_polling {
            use crate::engine_io_suite::heartbeat::http_long_polling as suite;

            #[test]
            fn should_send_ping_pong_packets() {
                suite::sends_ping_pong_packets();
            }

            #[test]
            fn should_close_the_session_upon_ping_timeout() {
                suite::closes_the_session_upon_ping_timeout();
            }
        }

        mod websocket {
            use crate::engine_io_suite::heartbeat::websocket as suite;

            #[test]
            fn should_send_ping_pong_packets() {
                suite::sends_ping_pong_packets();
            }

            #[test]
            fn should_close_the_session_upon_ping_timeout() {
                suite::closes_the_session_upon_ping_timeout();
            }
        }
    }

    mod close {
        mod http_long_polling {
            use crate::engine_io_suite::close::http_long_polling as suite;

            #[test]
            fn should_forcefully_close_the_session() {
                suite::forcefully_closes_the_session();
            }
        }

        mod websocket {
            use crate::engine_io_suite::close::websocket as suite;

            #[test]
            fn should_forcefully_close_the_session() {
                suite::forcefully_closes_the_session();
            }
        }
    }

    mod upgrade {
        use crate::engine_io_suite::upgrade as suite;

        #[test]
        fn should_successfully_upgrade_from_http_long_polling_to_websocket() {
            suite::successfully_upgrades_from_http_long_polling_to_websocket();
        }

        #[test]
        fn should_ignore_http_requests_with_same_sid_after_upgrade() {
            suite::ignores_http_requests_with_same_sid_after_upgrade();
        }

        #[test]
        fn should_ignore_websocket_connection_with_same_sid_after_upgrade() {
            suite::ignores_websocket_connection_with_same_sid_after_upgrade();
        }
    }
}

mod socket_io_protocol {
    use serde_json::{Value, json};

    use crate::bare::SocketSession;
    use crate::server::{JudgedServer, Setup};

    mod connect {
        use super::*;

        /// Asserts that a namespace lets a client in and greets it. Returns what it greets it with.
        async fn check(socket: &mut SocketSession, connect: &str, namespace: &str) -> Value {
            socket.send(connect).await;
            let connected = socket.text().await;
            let handshake = connected.strip_prefix(&format!("40{namespace},"));
            let handshake: Value = serde_json::from_str(handshake.expect(&connected)).unwrap();
            assert!(handshake["sid"].is_string(), "{handshake}");
            assert_eq!(handshake.as_object().unwrap().len(), 1, "{handshake}");
            let hello = socket.text().await;
            let event = hello.strip_prefix(&format!("42{namespace},")).expect(&hello);
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!((&event[0], event.as_array().unwrap().len()), (&json!("hello"), 2));
            event[1].clone()
        }

        /// Connects without a payload: the client starts at the newest message.
        async fn check_without_payload(namespace: &str) {
            let server = JudgedServer::start(Setup::QUIET);
            let newest = server.publish(namespace, "1").await;
            let mut socket = server.open_websocket().await;
            let connect = format!("40{namespace},");
            let hello = check(&mut socket, &connect, namespace).await;
            assert_eq!(hello, json!({ "cursor": newest }));
        }

        /// Connects with a payload, which the greeting and what follows it show.
        async fn check_with_payload(namespace: &str) {
            let server = JudgedServer::start(Setup::QUIET);
            let first = server.publish(namespace, "1").await;
            server.publish(namespace, "2").await;
            let mut socket = server.open_websocket().await;
            let connect = format!("40{namespace},{}", json!({ "after": first }));
            let hello = check(&mut socket, &connect, namespace).await;
            assert_eq!(hello, json!({ "cursor": first }));
            let message = socket.text().await;
            assert!(
                message.starts_with(&format!("42{namespace},[\"message\",{{\"seq\":2,")),
                "{message}"
            );
        }

        #[tokio::test]
        async fn should_allow_connection_to_the_main_namespace() {
            check_without_payload("/feeds/bench").await;
        }

        #[tokio::test]
        async fn should_allow_connection_to_the_main_namespace_with_a_payload() {
            check_with_payload("/feeds/bench").await;
        }

        /// The namespace `/` always exists in the reference server. wirebench has no feed for it.
        #[tokio::test]
        async fn the_main_namespace_is_not_served() {
            if JudgedServer::is_reference() {
                return;
            }
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.open_websocket().await;
            socket.send("40").await;
            let refused =
                r#"{"message":"the namespace `/` has no feed: connect to `/feeds/{feed}`"}"#;
            assert_eq!(socket.text().await, format!("44{refused}"));
            socket.join("/feeds/bench").await;
        }

        #[tokio::test]
        async fn should_allow_connection_to_a_custom_namespace() {
            check_without_payload("/feeds/other").await;
        }

        #[tokio::test]
        async fn should_allow_connection_to_a_custom_namespace_with_a_payload() {
            check_with_payload("/feeds/other").await;
        }

        #[tokio::test]
        async fn should_disallow_connection_to_an_unknown_namespace() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.open_websocket().await;
            socket.send("40/random").await;
            assert_eq!(socket.text().await, r#"44/random,{"message":"Invalid namespace"}"#);
        }

        #[tokio::test]
        async fn should_disallow_connection_with_an_invalid_handshake() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.open_websocket().await;
            socket.send("4abc").await;
            assert_eq!(socket.closed().await, Vec::<String>::new());
        }

        #[tokio::test]
        async fn should_close_the_connection_if_no_handshake_is_received() {
            let server = JudgedServer::start(Setup::SUITE);
            let mut socket = server.open_websocket().await;
            assert_eq!(socket.closed().await, ["2"]);
        }
    }

    mod disconnect {
        use super::*;

        #[tokio::test]
        async fn should_disconnect_from_the_main_namespace() {
            let server = JudgedServer::start(Setup::PINGING);
            let mut socket = server.connect("/feeds/bench").await;
            socket.send("41/feeds/bench,").await;
            assert_eq!(socket.text().await, "2");
        }

        #[tokio::test]
        async fn should_connect_then_disconnect_from_a_custom_namespace() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            socket.join("/feeds/other").await;
            socket.send("41/feeds/other").await;
            socket.send(r#"42/feeds/bench,["echo","message to main namespace"]"#).await;
            let echo = r#"42/feeds/bench,["echo","message to main namespace"]"#;
            assert_eq!(socket.text().await, echo);
        }
    }

    mod message {
        use super::*;

        /// Sends a packet with two attachments. Returns the packet that comes back with both.
        async fn with_attachments(packet: &str) -> String {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            socket.send(packet).await;
            socket.send_binary(&[1, 2, 3]).await;
            socket.send_binary(&[4, 5, 6]).await;
            let answer = socket.text().await;
            assert_eq!(&socket.binary().await[..], [1, 2, 3]);
            assert_eq!(&socket.binary().await[..], [4, 5, 6]);
            answer
        }

        /// Sends a packet that is none. The server closes the connection.
        async fn check_closes(packet: &str) {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            socket.send(packet).await;
            assert_eq!(socket.closed().await, Vec::<String>::new());
        }

        #[tokio::test]
        async fn should_send_a_plain_text_packet() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            let packet = r#"42/feeds/bench,["echo",1,"2",{"3":[true]}]"#;
            socket.send(packet).await;
            assert_eq!(socket.text().await, packet);
        }

        #[tokio::test]
        async fn should_send_a_packet_with_binary_attachments() {
            let packet = "452-/feeds/bench,[\"echo\",{\"_placeholder\":true,\"num\":0},\
                          {\"_placeholder\":true,\"num\":1}]";
            assert_eq!(with_attachments(packet).await, packet);
        }

        #[tokio::test]
        async fn should_send_a_plain_text_packet_with_an_ack() {
            let server = JudgedServer::start(Setup::QUIET);
            let mut socket = server.connect("/feeds/bench").await;
            socket.send(r#"42/feeds/bench,456["echo",1,"2",{"3":[false]}]"#).await;
            assert_eq!(socket.text().await, r#"43/feeds/bench,456[1,"2",{"3":[false]}]"#);
        }

        #[tokio::test]
        async fn should_send_a_packet_with_binary_attachments_and_an_ack() {
            let packet = "452-/feeds/bench,789[\"echo\",{\"_placeholder\":true,\"num\":0},\
                          {\"_placeholder\":true,\"num\":1}]";
            let answer = "462-/feeds/bench,789[{\"_placeholder\":true,\"num\":0},\
                          {\"_placeholder\":true,\"num\":1}]";
            assert_eq!(with_attachments(packet).await, answer);
        }

        #[tokio::test]
        async fn should_close_the_connection_upon_invalid_format_unknown_packet_type() {
            check_closes("4abc").await;
        }

        #[tokio::test]
        async fn should_close_the_connection_upon_invalid_format_invalid_payload_format() {
            check_closes("42/feeds/bench,{}").await;
        }

        #[tokio::test]
        async fn should_close_the_connection_upon_invalid_format_invalid_ack_id() {
            check_closes(r#"42/feeds/bench,abc["echo",1,"2",{"3":[false]}]"#).await;
        }
    }
}
