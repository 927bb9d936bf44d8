//! `wirebench check`: checks whether scenarios are valid, and prints what they would run and what
//! theory predicts.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use wirebench_scenario::Overrides;

use crate::databases::Databases;
use crate::exit::Exit;
use crate::{machine, plan, print};

/// Validate scenarios and print what they would run
///
/// Prints the number of runs, their connections, messages and time, and what theory predicts for
/// each setting. Runs nothing. If a valid scenario needs more connections than this machine allows,
/// or a database that this program was built without, prints a warning and exits with 0.
#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    scenarios: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &CheckArguments) -> anyhow::Result<Exit> {
    machine::raise_open_files();
    let Some(scenarios) = plan::load(&arguments.scenarios, &Overrides::default()) else {
        return Ok(Exit::Usage);
    };
    let databases = Databases::of_environment(&scenarios)?;
    for (path, scenario) in arguments.scenarios.iter().zip(&scenarios) {
        print::data(&format!(
            "{}\n{}\n",
            path.display(),
            plan::plan(scenario, machine::half_of_the_cores(), &databases)
        ))?;
    }
    let workers = machine::half_of_the_cores();
    plan::warn_of_shortages(&arguments.scenarios, &scenarios, workers, &databases);
    Ok(Exit::Done)
}
