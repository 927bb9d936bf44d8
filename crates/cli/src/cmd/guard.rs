//! `wirebench guard`: ends what a run has started if the run is killed. `wirebench run` starts it.

use std::io;

use crate::exit::Exit;

pub(crate) fn run() -> Exit {
    wirebench_target::guard(io::stdin().lock());
    Exit::Done
}
