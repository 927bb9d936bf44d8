//! `wirebench schema`: describes scenario files, target files and JSON results for other programs.

use clap::{Args, ValueEnum};

use crate::exit::Exit;
use crate::print;

/// Print the JSON Schema of a scenario file, of a target file, or of the JSON results
#[derive(Args, Debug)]
pub(crate) struct SchemaArguments {
    /// Which schema to print
    #[arg(value_enum, default_value_t = Of::Scenario)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// The schema of scenario files, which TOML editors can use
    Scenario,
    /// The schema of target files
    Target,
    /// The schema of what `wirebench report --format json` prints
    Results,
}

pub(crate) fn run(arguments: &SchemaArguments) -> anyhow::Result<Exit> {
    let schema = match arguments.of {
        Of::Scenario => wirebench_scenario::schema(),
        Of::Target => wirebench_scenario::target_schema(),
        Of::Results => wirebench_report::results_schema(),
    };
    print::data(&(serde_json::to_string_pretty(&schema)? + "\n"))?;
    Ok(Exit::Done)
}
