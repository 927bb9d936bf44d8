//! `[process]`: how the server is started, or which process it is.

use super::lists::{TemplateList, TemplateTable, TextList};
use super::template::Template;
use crate::key::table;

table! {
    /// The process of the server, for its processor time and memory, and for faults. All processes
    /// that it starts belong to it. Without this table, the server runs already, perhaps on another
    /// machine, and its cost stays blank.
    table "process" => ProcessTable, ProcessDraft {
        /// The program and its arguments, started anew for each run. `{port}` is a free port,
        /// `{folder}` a new empty folder, and `{here}` the folder of this file. [] starts nothing.
        "command" => COMMAND, command: TemplateList, default "[]";

        /// More variables of its environment, with the same placeholders.
        "environment" => ENVIRONMENT, environment: TemplateTable, default "{}";

        /// It is ready when a `GET` of this URL is answered with a status below 500.
        "ready-url" => READY_URL, ready_url: Template, default r#""""#;

        /// It is ready when it has written a line with this text to its standard output. Without
        /// this key and `ready-url`, it is ready when `{port}` accepts connections.
        "ready-line" => READY_LINE, ready_line: String, default r#""""#;

        /// A command whose first line of output is the version of the server, which is kept with
        /// the results.
        "version" => VERSION, version: TextList, default "[]";

        /// The id of a process that runs already. 0: none.
        "pid" => PID, pid: u32, default "0", from "0" to "4_194_304";

        /// The name of a process that runs already, as `ps -o comm` shows it. There must be only
        /// one that is not the child of another.
        "name" => NAME, process_name: String, default r#""""#;
    }
}
