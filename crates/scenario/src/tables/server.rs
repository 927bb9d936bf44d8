//! `[server]`: how many servers there are, where they keep the feed, and who speaks HTTP for them.

use wirebench_protocol::HttpStack;

use crate::FeedStore;
use crate::key::table;

table! {
    /// The server that `wirebench run` starts for each run, or several of them.
    table "server" => ServerTable, ServerDraft {
        /// Where the server keeps the feed: "memory", "sqlite" (a new file for each run),
        /// "postgres", or "mysql" (MariaDB, too). The URLs of the last two are in the environment
        /// variables `WIREBENCH_POSTGRES` and `WIREBENCH_MYSQL`; without its variable, a run is
        /// skipped. Each run starts with an empty table.
        "store" => STORE, store: Vec<FeedStore>, default r#""memory""#;

        /// Who reads requests over HTTP/1.1 and writes their answers: "own" (the server itself for
        /// the plain `GET` requests of feeds, and the library hyper for all others), or "hyper"
        /// (hyper for all of them). The difference is what a framework costs. Over HTTP/2 it is
        /// always hyper, so that both values are one run there.
        "http-stack" => HTTP_STACK, http_stack: Vec<HttpStack>, default r#""own""#;

        /// The number of servers, each a process of its own. They share one feed over NATS, and the
        /// subscribers take turns: number n subscribes at server n modulo the number of servers. NATS
        /// is where the variable `WIREBENCH_BACKBONE` says, or else the run starts a `nats-server`.
        /// With 1, the server keeps the feed by itself, without NATS.
        "instances" => INSTANCES, instances: Vec<usize>, default "1", from "1" to "64";

        /// The number of NATS servers that the run starts if there are several `instances`. More than
        /// one form a cluster, in which each keeps every message of the feed; of 3 one may be away. A
        /// NATS that `WIREBENCH_BACKBONE` names is as it is.
        "backbone-servers" => BACKBONE_SERVERS, backbone_servers: Vec<usize>,
        default "1", from "1" to "5";
    }
}
