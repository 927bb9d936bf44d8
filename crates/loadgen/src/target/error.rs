//! Why a URL or a target file cannot be used.

use crate::tls::TrustError;

/// Why a URL or a target file cannot be used as a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The URL has a form that is not supported.
    #[error(
        "malformed URL `{url}`: expected `http://host:port` or `http://host:port/feeds/{{feed}}`, \
         or the same with `https://`"
    )]
    Malformed {
        /// What was given.
        url: String,
    },
    /// A key of a target file has a value that cannot be used.
    #[error("target `{target}`: `{key}` of `[{table}]` {problem}")]
    File {
        /// The name of the target.
        target: String,
        /// The table of the transport.
        table: &'static str,
        /// The key in it.
        key: &'static str,
        /// What is wrong with the value, and what would be right.
        problem: String,
    },
    /// The trusted certificates cannot be loaded.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The host has no address.
    #[error("cannot resolve `{host}`")]
    Unresolved {
        /// The host and port.
        host: String,
        /// The error of the resolver. `None` if it found no address.
        #[source]
        source: Option<std::io::Error>,
    },
}

impl TargetError {
    /// Returns true if the URL or the file itself is wrong, so that trying again elsewhere or later
    /// cannot help.
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::Malformed { .. } | Self::File { .. } => true,
            Self::Trust(_) | Self::Unresolved { .. } => false,
        }
    }
}
