//! `wirebench agent`: runs a part of the subscribers of somebody else's run.

use std::num::NonZero;

use clap::Args;

use crate::crew::NatsUrl;
use crate::exit::Exit;

/// Run a part of the subscribers of a run that `wirebench run --agents` makes
///
/// Waits at a NATS server for work, and waits again when it is done, until SIGTERM or Ctrl-C. Ends its
/// subscribers within 10 s if the run's process is gone. Needs the same version of this program as the
/// run. docs/scale.md shows a run on three machines.
#[derive(Args, Debug)]
pub(crate) struct AgentArguments {
    /// The NATS server: `nats://HOST:PORT`. Everybody on the machine can read arguments: put a URL with
    /// a password into the variable `WIREBENCH_AGENTS`
    #[arg(long, value_name = "URL")]
    nats: Option<NatsUrl>,
    /// Name of this agent in results and errors [default: the name of the machine]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Labels, by which a scenario can place subscribers: `zone=a,rack=7`
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
    labels: Vec<(String, String)>,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "THREADS")]
    workers: Option<NonZero<usize>>,
    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// Take precedence over other processes of the machine, if the user may do that. `run` starts its
    /// local agents with it
    #[arg(long, hide = true)]
    prefer: bool,
    /// Stop when standard input ends, so as not to outlive the process that started the agent
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

fn label(text: &str) -> Result<(String, String), String> {
    let named = text.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty());
    let (key, value) = named.ok_or("expected `key=value`, such as `zone=a`")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(not(feature = "nats"))]
pub(crate) fn run(_: &AgentArguments) -> anyhow::Result<Exit> {
    anyhow::bail!(
        "this program was built without NATS, over which agents meet: `cargo install --path \
         crates/cli --features nats` builds it in"
    )
}

#[cfg(feature = "nats")]
pub(crate) fn run(arguments: &AgentArguments) -> anyhow::Result<Exit> {
    built_in::run(arguments)
}

#[cfg(feature = "nats")]
mod built_in {
    use std::num::NonZero;
    use std::sync::Arc;

    use anyhow::Context;
    use tokio_stream::StreamExt;
    use tokio_util::sync::CancellationToken;
    use wirebench_agents::{Agent, AgentMachine, AgentPlan, AgentState};

    use super::AgentArguments;
    use crate::crew::NatsUrl;
    use crate::exit::Exit;
    use crate::machine::{self, Machine};
    use crate::signals::{stdin_ends, stop_signals};
    use crate::{environment, print};

    /// The priority of an agent that shares its machine with servers: it gets some ten times the share
    /// of a core of a process with the usual priority, 0.
    const PREFERRED: i32 = -10;

    pub(super) fn run(arguments: &AgentArguments) -> anyhow::Result<Exit> {
        machine::raise_open_files();
        if arguments.prefer {
            // Before there are threads: they inherit it. Without the right to do so, an agent may have
            // to wait for servers on the same cores; its lag shows that.
            let _ = rustix::process::setpriority_process(None, PREFERRED);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the event loop")?;
        let ended = runtime.block_on(work(arguments));
        // A thread may still wait for standard input.
        runtime.shutdown_background();
        ended
    }

    async fn work(arguments: &AgentArguments) -> anyhow::Result<Exit> {
        let url = NatsUrl::or_variable(arguments.nats.as_ref(), environment::AGENTS)?;
        let url = url.with_context(|| {
            format!(
                "no NATS server to wait at: name it with `--nats nats://HOST:PORT` or in the variable \
                 `{}`",
                environment::AGENTS
            )
        })?;
        let stop = stop_token(arguments.until_stdin_ends)?;
        let agent = Arc::new(Agent::connect(url.url(), plan(arguments)).await?);
        let saying = async {
            if !arguments.quiet {
                say(&agent).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = Arc::clone(&agent).run(stop) => ended?,
            () = saying => {}
        }
        Ok(Exit::Done)
    }

    fn plan(arguments: &AgentArguments) -> AgentPlan {
        let machine = Machine::inspect();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        AgentPlan {
            name: arguments.name.clone().unwrap_or_else(|| host.clone()),
            labels: arguments.labels.iter().cloned().collect(),
            version: env!("WIREBENCH_LONG_VERSION").to_owned(),
            workers: arguments.workers.map_or(machine.cores, NonZero::get),
            machine: AgentMachine {
                host,
                most_connections: machine.most_connections().0,
                cores: machine.cores,
                cpu: machine.cpu,
            },
        }
    }

    /// Says what the agent is doing. Never ends.
    async fn say(agent: &Agent) {
        let mut state = agent.state();
        loop {
            let sentence = match &*state.borrow_and_update() {
                AgentState::Waiting => "waiting for work; Ctrl-C ends this agent".to_owned(),
                AgentState::Claimed => "working for a controller".to_owned(),
                AgentState::Running { run, subscribers } => {
                    format!("run {run}: {subscribers} subscribers")
                }
                AgentState::ControllerLost => {
                    "the controller is gone: its subscribers have ended; waiting for work"
                        .to_owned()
                }
            };
            print::talk(&sentence);
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    fn stop_token(until_stdin_ends: bool) -> anyhow::Result<CancellationToken> {
        let mut signals = stop_signals()?;
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        tokio::spawn(async move {
            tokio::select! {
                _ = signals.next() => {}
                () = stdin_ends(), if until_stdin_ends => {}
            }
            drop(guard);
        });
        Ok(stop)
    }
}
