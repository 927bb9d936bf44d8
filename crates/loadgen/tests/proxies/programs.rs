//! nginx and HAProxy as child processes: each on a port of its own, in a folder of its own, in the
//! foreground, ended when dropped. The tests of several crates use this.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses another part")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Upper bound of every wait for a proxy. It is reached only if something hangs.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A proxy program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyProgram {
    Nginx,
    Haproxy,
}

/// The addresses of the server and of a second one in the documented files.
const SERVER: &str = "127.0.0.1:8080";
const SECOND_SERVER: &str = "127.0.0.1:8081";

/// Returns the programs that are installed.
pub(crate) fn programs() -> impl Iterator<Item = ProxyProgram> {
    ProxyProgram::ALL.into_iter().filter(|program| program.is_there())
}

impl ProxyProgram {
    pub(crate) const ALL: [Self; 2] = [Self::Nginx, Self::Haproxy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Returns the configuration that `docs/proxies.md` recommends.
    pub(crate) fn right(self) -> Settings {
        let text = match self {
            Self::Nginx => include_str!("../../../../docs/proxies/nginx.conf"),
            Self::Haproxy => include_str!("../../../../docs/proxies/haproxy.cfg"),
        };
        Settings { program: self, text: text.to_owned(), main: String::new(), http: String::new() }
    }

    /// Returns the configuration that `docs/proxies.md` recommends for several servers.
    pub(crate) fn several_servers(self) -> Settings {
        let right = self.right();
        // The servers are in the first paragraph of the one file, and in the last of the other.
        match self {
            Self::Nginx => {
                let servers = include_str!("../../../../docs/proxies/nginx-several-servers.conf");
                let (_, rest) = right.text.split_once("\n\n").expect("two paragraphs");
                Settings { text: format!("{servers}\n{rest}"), ..right }
            }
            Self::Haproxy => right
                .with_backend(include_str!("../../../../docs/proxies/haproxy-several-servers.cfg")),
        }
    }

    /// Returns the configuration of HAProxy that `docs/scale.md` recommends for servers that share
    /// their feeds.
    pub(crate) fn shared_feeds() -> Settings {
        Self::Haproxy
            .right()
            .with_backend(include_str!("../../../../docs/proxies/haproxy-shared-feeds.cfg"))
    }

    /// Returns the same configuration without the line that keeps a client at its server.
    pub(crate) fn servers_in_turn(self) -> Settings {
        self.several_servers().without(match self {
            Self::Nginx => "ip_hash;",
            Self::Haproxy => "balance source",
        })
    }

    /// Returns a configuration with nothing but the address of the server and the defaults of the
    /// Debian package.
    pub(crate) fn untouched(self) -> Settings {
        let (text, http) = match self {
            Self::Nginx => (
                "server {\n listen 80;\n location / {\n proxy_pass http://127.0.0.1:8080;\n }\n}\n",
                "sendfile on;\ntcp_nopush on;\ngzip on;\n",
            ),
            Self::Haproxy => (
                "defaults\n mode http\n option dontlognull\n timeout connect 5000\n \
                 timeout client 50000\n timeout server 50000\n\
                 frontend public\n bind :80\n default_backend feed\n\
                 backend feed\n server feed 127.0.0.1:8080\n",
                "",
            ),
        };
        let (text, http) = (text.to_owned(), http.to_owned());
        Settings { program: self, text, main: String::new(), http }
    }

    /// Returns where the program is: in the path, or where Debian installs it, which is not in
    /// every path.
    fn path(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        folders.find_map(|folder| Some(folder.join(self.name())).filter(|file| file.is_file()))
    }

    /// Returns true if the program is installed. If not, prints that the test is skipped, or fails
    /// if the environment requires the program.
    #[expect(clippy::print_stderr, reason = "a test that is skipped has to report it")]
    pub(crate) fn is_there(self) -> bool {
        let there = self.path().is_some();
        let required = std::env::var_os("WIREBENCH_REQUIRE_PROXIES").is_some();
        assert!(there || !required, "{} is required, and not installed", self.name());
        if !there {
            eprintln!("skipped: {} is not installed", self.name());
        }
        there
    }
}

/// A configuration, with placeholders for the addresses of the proxy and the server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    program: ProxyProgram,
    text: String,
    /// nginx: additions to the outermost block, and to `http`.
    main: String,
    http: String,
}

impl Settings {
    /// Removes the one line that contains this.
    pub(crate) fn without(mut self, part: &str) -> Self {
        let (gone, kept): (Vec<_>, Vec<_>) = self.text.lines().partition(|l| l.contains(part));
        assert_eq!(gone.len(), 1, "`{part}` must be in one line of {}", self.text);
        self.text = kept.join("\n") + "\n";
        self
    }

    /// Replaces the last paragraph of HAProxy's file, its `backend`.
    fn with_backend(self, backend: &str) -> Self {
        let (rest, _) = self.text.rsplit_once("\n\n").expect("two paragraphs");
        Self { text: format!("{rest}\n\n{backend}"), ..self }
    }

    /// Adds a line after the one that contains this.
    pub(crate) fn with(mut self, part: &str, line: &str) -> Self {
        let found = self.text.lines().filter(|l| l.contains(part)).count();
        assert_eq!(found, 1, "`{part}` must be in one line of {}", self.text);
        let lines = self
            .text
            .lines()
            .flat_map(|l| std::iter::once(l).chain(l.contains(part).then_some(line)));
        self.text = lines.collect::<Vec<_>>().join("\n") + "\n";
        self
    }

    /// Replaces a text that occurs once.
    pub(crate) fn with_instead(mut self, part: &str, other: &str) -> Self {
        assert_eq!(self.text.matches(part).count(), 1, "`{part}` once in {}", self.text);
        self.text = self.text.replace(part, other);
        self
    }

    /// Sets the address of the second server.
    pub(crate) fn with_second_server(self, server: SocketAddr) -> Self {
        self.with_instead(SECOND_SERVER, &server.to_string())
    }

    /// Adds a line to the proxied location of nginx, or to the defaults of HAProxy.
    pub(crate) fn with_option(self, line: &str) -> Self {
        match self.program {
            ProxyProgram::Nginx => self.with("proxy_pass ", line),
            ProxyProgram::Haproxy => self.with("mode http", line),
        }
    }

    /// Adds lines to the block `http` of nginx.
    pub(crate) fn with_http(mut self, lines: &str) -> Self {
        self.http.push_str(lines);
        self
    }

    /// Adds lines to the outermost block of nginx, or to `global` of HAProxy.
    pub(crate) fn with_main(mut self, lines: &str) -> Self {
        self.main.push_str(lines);
        self
    }

    /// Gives up on a server that is silent for this many seconds.
    pub(crate) fn with_timeout(self, seconds: u32) -> Self {
        match self.program {
            ProxyProgram::Nginx => self.with_option(&format!("proxy_read_timeout {seconds}s;")),
            ProxyProgram::Haproxy => {
                self.with_instead("timeout server 75s", &format!("timeout server {seconds}s"))
            }
        }
    }

    /// Allows the program to reload its configuration, and then gives open connections a second.
    pub(crate) fn reloadable(self) -> Self {
        match self.program {
            ProxyProgram::Nginx => self.with_main(
                "master_process on;\nworker_processes 1;\nworker_shutdown_timeout 1s;\n",
            ),
            ProxyProgram::Haproxy => self.with_main("hard-stop-after 1s\n"),
        }
    }

    fn place(&self, folder: &Path, listen: SocketAddr, server: SocketAddr) -> String {
        let (documented, here) = match self.program {
            ProxyProgram::Nginx => ("listen 80;", format!("listen {listen};")),
            ProxyProgram::Haproxy => ("bind :80", format!("bind {listen}")),
        };
        let text = self.clone().with_instead(documented, &here);
        let text = text.with_instead(SERVER, &server.to_string()).text;
        let Self { main, http, .. } = self;
        let folder = folder.display();
        match self.program {
            ProxyProgram::Haproxy => format!("global\n{main}\n{text}"),
            ProxyProgram::Nginx => {
                let master =
                    if main.contains("master_process") { "" } else { "master_process off;" };
                let events = if main.contains("events {") { "" } else { "events {}" };
                let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
                    .concat();
                format!(
                    "daemon off;\n{master}\npid {folder}/pid;\n{main}\n{events}\n\
                     http {{\naccess_log off;\n{places}{http}{text}}}\n"
                )
            }
        }
    }
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct RunningProxy {
    pub(crate) address: SocketAddr,
    program: ProxyProgram,
    child: Child,
    folder: TempDir,
}

/// Ports that this process has given away already. The system may return a port again until the
/// proxy has bound it.
static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// Returns a free port at a loopback address that only this process uses. A port of 127.0.0.1 could
/// be taken by the server of another test before the proxy binds it, and the test would then speak
/// to that server.
pub(crate) fn free_port() -> SocketAddr {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = taken.get_or_insert_default();
    // A process id has at most 22 bits on Linux.
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 | high, middle, low);
    loop {
        let listener = std::net::TcpListener::bind((own, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        if taken.insert(address.port()) {
            return address;
        }
    }
}

impl RunningProxy {
    /// Starts a proxy in front of `server`, and waits until it answers.
    pub(crate) async fn start(settings: &Settings, server: SocketAddr) -> Self {
        let began = Instant::now();
        loop {
            let folder = TempDir::new().expect("a folder for the proxy");
            let address = free_port();
            let text = settings.place(folder.path(), address, server);
            fs::write(folder.path().join("configuration"), text).expect("a folder takes a file");
            let child = spawn(settings.program, folder.path(), &[]);
            let mut running = Self { address, program: settings.program, child, folder };
            if running.answers(began).await {
                return running;
            }
            assert!(began.elapsed() < TIMEOUT, "no proxy: {}", running.said());
        }
    }

    /// Waits until it answers. Returns false if it ends instead.
    async fn answers(&mut self, began: Instant) -> bool {
        while began.elapsed() < TIMEOUT {
            if self.child.try_wait().expect("a child has a state").is_some() {
                return false;
            }
            let asking = tokio::time::timeout(Duration::from_secs(5), ask(self.address));
            if matches!(asking.await, Ok(Ok(answer)) if answer.starts_with(b"HTTP/1")) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Kills it, and starts it again at the same address.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
        self.child = spawn(self.program, self.folder.path(), &[]);
    }

    /// Makes it reload its configuration, as an operator does.
    pub(crate) fn reload(&mut self) {
        match self.program {
            ProxyProgram::Nginx => send(self.child.id(), "HUP"),
            ProxyProgram::Haproxy => {
                // A new process takes over. The old one ends when its connections have ended.
                let former = self.child.id().to_string();
                let next = spawn(self.program, self.folder.path(), &["-sf", &former]);
                let mut former = std::mem::replace(&mut self.child, next);
                std::thread::spawn(move || former.wait());
            }
        }
    }

    /// Returns what it wrote to its log.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RunningProxy {
    fn drop(&mut self) {
        // An nginx that is asked to end also ends its workers. Killed, it would leave them behind.
        if self.program == ProxyProgram::Nginx && matches!(self.child.try_wait(), Ok(None)) {
            send(self.child.id(), "TERM");
            let began = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < TIMEOUT {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: ProxyProgram, folder: &Path) -> Command {
    let mut command = Command::new(program.path().expect("a test asked whether it is there"));
    let configuration = folder.join("configuration");
    match program {
        ProxyProgram::Nginx => {
            command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(configuration)
        }
        ProxyProgram::Haproxy => command.arg("-db").arg("-f").arg(configuration),
    };
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn spawn(program: ProxyProgram, folder: &Path, arguments: &[&str]) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log"));
    let mut command = command(program, folder);
    command.args(arguments).stderr(log.expect("a folder takes a log"));
    command.spawn().expect("a program that is there starts")
}

/// Returns what HAProxy prints when it only checks a configuration.
pub(crate) fn check(settings: &Settings) -> String {
    let folder = TempDir::new().expect("a folder for the proxy");
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let text = settings.place(folder.path(), nowhere, nowhere);
    fs::write(folder.path().join("configuration"), text).expect("a folder takes a file");
    let checked = command(settings.program, folder.path()).arg("-c").output().expect("it starts");
    assert!(checked.status.success(), "{checked:?}");
    String::from_utf8_lossy(&checked.stderr).into_owned()
}

/// Returns the answer to a request that every proxy answers.
async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn send(pid: u32, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    assert!(sent.expect("`kill` starts").success(), "cannot send SIG{signal} to {pid}");
}
