//! Whether the user allows publishing to the targets of a scenario.

use wirebench_scenario::TargetFile;
use wirebench_target::publish_host;

/// Returns why nothing may be published to a target: it is on another machine, and the user has not
/// allowed its host. `None` if it may be published to.
pub(super) fn without_consent(target: &TargetFile, allowed: &[String]) -> Option<String> {
    match publish_host(target) {
        Ok(Some(host)) if !allowed.iter().any(|it| it.eq_ignore_ascii_case(&host)) => {
            Some(format!(
                "`{}` publishes to `{host}`, which is not this machine: allow it with \
             `--yes-publish-to {host}`, if the server is yours",
                target.name()
            ))
        }
        Ok(_) => None,
        Err(failure) => Some(format!("`{}`: {failure}", target.name())),
    }
}
