//! A part of a crowd that an agent runs, as the run sees it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::task::AbortOnDropHandle;
use wirebench_loadgen::{CrowdPart, PartCommand, PartError, PartReply, PartStatus};
use wirebench_measure::AgentInfo;

use crate::bus::{Bus, NoAnswer, reports_of, requests_of};
use crate::error::AgentsError;
use crate::messages::{Answer, Ask, Report, Request};

/// How often an agent is asked whether it is there.
const ALIVE_INTERVAL: Duration = Duration::from_secs(1);

/// How long an agent may take to answer that, and to report.
const ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an agent may take to carry out a command. It serialises its histograms while its
/// subscribers keep the cores busy.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);

/// Called with a sentence as soon as an agent is lost.
#[derive(Clone)]
pub struct LossReport(pub Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for LossReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LossReport")
    }
}

/// The line to one agent that a controller has claimed.
#[derive(Clone, Debug)]
pub(crate) struct AgentLine {
    pub(crate) bus: Bus,
    /// The id and the name of the agent.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The id of the controller.
    pub(crate) controller: String,
}

/// The subscribers of a run that an agent has.
#[derive(Debug)]
pub(crate) struct RemotePart {
    line: AgentLine,
    info: Arc<watch::Sender<AgentInfo>>,
    status: watch::Receiver<PartStatus>,
    /// Why the agent was lost. The first reason stays.
    lost: Arc<watch::Sender<Option<String>>>,
    _listening: AbortOnDropHandle<()>,
}

impl AgentLine {
    /// Asks the agent for something.
    pub(crate) async fn ask(&self, ask: Ask, deadline: Duration) -> Result<Answer, NoAnswer> {
        let request = Request { controller: self.controller.clone(), ask };
        self.bus.request(requests_of(&self.id), &request, deadline).await
    }

    /// Returns an error that names the agent.
    pub(crate) fn unfit(&self, why: impl fmt::Display) -> AgentsError {
        AgentsError::Unfit { agent: self.name.clone(), why: why.to_string() }
    }

    /// Asks the agent once a second whether it is there. Returns what it found when it is not.
    async fn is_gone(&self) -> String {
        let mut tick = tokio::time::interval(ALIVE_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.ask(Ask::Alive, ALIVE_TIMEOUT).await {
                Ok(Answer::Refused(why)) => return why,
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }
}

impl RemotePart {
    /// Begins to listen to an agent that is ready for a run.
    pub(crate) async fn listen(
        line: AgentLine,
        info: AgentInfo,
        report_loss: LossReport,
    ) -> Result<Self, AgentsError> {
        let mut reports = line.bus.subscribe(reports_of(&line.id)).await?;
        let (status_sender, status) = watch::channel(PartStatus::default());
        let info = Arc::new(watch::Sender::new(info));
        let informing = Arc::clone(&info);
        let lost = Arc::new(watch::Sender::new(None));
        let losing = Arc::clone(&lost);
        let (watched, name) = (line.clone(), line.name.clone());
        let listening = async move {
            let heard = async {
                loop {
                    let report = match timeout(ALIVE_TIMEOUT, reports.next()).await {
                        Ok(Some(message)) => serde_json::from_slice::<Report>(&message.payload),
                        Ok(None) => return "its reports have ended".to_owned(),
                        Err(_) => return NoAnswer::Silence(ALIVE_TIMEOUT).to_string(),
                    };
                    match report {
                        Ok(Report { status, clock, trouble: None }) => {
                            status_sender.send_replace(status);
                            // A bound only grows. This report may be older than an answer.
                            informing.send_if_modified(|info| {
                                let newer = clock.bound >= info.clock.bound;
                                info.clock = if newer { clock } else { info.clock };
                                newer
                            });
                        }
                        Ok(Report { trouble: Some(why), .. }) => return why,
                        Err(error) => return format!("its report cannot be read: {error}"),
                    }
                }
            };
            let why = tokio::select! {
                why = heard => why,
                why = watched.is_gone() => why,
            };
            lose(&losing, &name, &why, &report_loss);
            // The sender stays: what was reported last can be read.
            std::future::pending::<()>().await;
            drop(status_sender);
        };
        let listening = AbortOnDropHandle::new(tokio::spawn(listening));
        Ok(Self { line, info, status, lost, _listening: listening })
    }

    async fn command(&self, command: PartCommand) -> Result<PartReply, PartError> {
        let is_end = matches!(command, PartCommand::StopSending);
        let reply = match self.ask_agent(Ask::Command(command)).await? {
            Answer::Part(reply) => *reply,
            other => return Err(self.unexpected(&other)),
        };
        if is_end {
            self.check_clock().await?;
        }
        Ok(reply)
    }

    /// Has the agent measure its clock at the end of a window: what the clocks have drifted in it is
    /// part of the bound.
    async fn check_clock(&self) -> Result<(), PartError> {
        if self.info.borrow().clock.bound.is_none() {
            return Ok(());
        }
        match self.ask_agent(Ask::CheckClock).await? {
            Answer::Ready(clock) => {
                self.info.send_modify(|info| info.clock = clock);
                Ok(())
            }
            other => Err(self.unexpected(&other)),
        }
    }

    async fn ask_agent(&self, ask: Ask) -> Result<Answer, PartError> {
        let answer = tokio::select! {
            answer = self.line.ask(ask, COMMAND_TIMEOUT) => answer,
            why = self.lost() => return Err(PartError::Lost(why)),
        };
        answer.map_err(|error| self.gone(&error))
    }

    fn unexpected(&self, answer: &Answer) -> PartError {
        match answer {
            Answer::Refused(why) => self.gone(why),
            other => self.gone(&format_args!("it gave another answer: {other:?}")),
        }
    }

    fn gone(&self, why: &dyn fmt::Display) -> PartError {
        PartError::Lost(sentence(&self.line.name, &why.to_string()))
    }
}

/// Says what happened to an agent.
fn sentence(agent: &str, why: &str) -> String {
    format!("agent `{agent}` was lost: {why}")
}

fn lose(lost: &watch::Sender<Option<String>>, agent: &str, why: &str, report: &LossReport) {
    let sentence = sentence(agent, why);
    let is_first = lost.send_if_modified(|lost| {
        let is_first = lost.is_none();
        lost.get_or_insert_with(|| sentence.clone());
        is_first
    });
    if is_first {
        (report.0)(&sentence);
    }
}

impl CrowdPart for RemotePart {
    fn ask(&self, command: PartCommand) -> BoxFuture<'_, Result<PartReply, PartError>> {
        self.command(command).boxed()
    }

    fn status(&self) -> watch::Receiver<PartStatus> {
        self.status.clone()
    }

    fn lost(&self) -> BoxFuture<'static, String> {
        let mut lost = self.lost.subscribe();
        async move {
            match lost.wait_for(Option::is_some).await.map(|why| why.clone()) {
                Ok(Some(why)) => why,
                _ => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn agent(&self) -> Option<AgentInfo> {
        Some(self.info.borrow().clone())
    }
}
