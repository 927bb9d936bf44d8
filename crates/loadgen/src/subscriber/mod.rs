//! A subscriber over all its connections: subscribe, follow, reconnect after a pause, resume where
//! it was interrupted. The same for all transports.

mod backoff;
mod run;

pub use run::{Subscriber, SubscriberEvent, run_subscriber};
