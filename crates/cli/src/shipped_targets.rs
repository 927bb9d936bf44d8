//! The targets that come with wirebench, and the few lines of their servers.

/// The files, by their paths below the folder `targets` of the repository.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../targets/README.md")),
    ("centrifugo.toml", include_str!("../../../targets/centrifugo.toml")),
    ("mercure.toml", include_str!("../../../targets/mercure.toml")),
    ("nats.toml", include_str!("../../../targets/nats.toml")),
    ("nchan.toml", include_str!("../../../targets/nchan.toml")),
    ("node-sse.toml", include_str!("../../../targets/node-sse.toml")),
    ("node-ws.toml", include_str!("../../../targets/node-ws.toml")),
    ("pushpin.toml", include_str!("../../../targets/pushpin.toml")),
    ("socket.io.toml", include_str!("../../../targets/socket.io.toml")),
    ("socket.io-recovery.toml", include_str!("../../../targets/socket.io-recovery.toml")),
    ("sse.toml", include_str!("../../../targets/sse.toml")),
    ("watch-sse.toml", include_str!("../../../targets/watch-sse.toml")),
    ("watch-ws.toml", include_str!("../../../targets/watch-ws.toml")),
    ("wirebench.toml", include_str!("../../../targets/wirebench.toml")),
    ("ws.toml", include_str!("../../../targets/ws.toml")),
    ("servers/README.md", include_str!("../../../targets/servers/README.md")),
    ("servers/feed.mjs", include_str!("../../../targets/servers/feed.mjs")),
    ("servers/http.mjs", include_str!("../../../targets/servers/http.mjs")),
    ("servers/nats.conf", include_str!("../../../targets/servers/nats.conf")),
    ("servers/nchan.conf", include_str!("../../../targets/servers/nchan.conf")),
    ("servers/nchan.sh", include_str!("../../../targets/servers/nchan.sh")),
    ("servers/package.json", include_str!("../../../targets/servers/package.json")),
    ("servers/package-lock.json", include_str!("../../../targets/servers/package-lock.json")),
    ("servers/pushpin.conf", include_str!("../../../targets/servers/pushpin.conf")),
    ("servers/pushpin.mjs", include_str!("../../../targets/servers/pushpin.mjs")),
    ("servers/pushpin.sh", include_str!("../../../targets/servers/pushpin.sh")),
    ("servers/requirements.txt", include_str!("../../../targets/servers/requirements.txt")),
    ("servers/socket.io.mjs", include_str!("../../../targets/servers/socket.io.mjs")),
    ("servers/version.mjs", include_str!("../../../targets/servers/version.mjs")),
    ("servers/ws.mjs", include_str!("../../../targets/servers/ws.mjs")),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Returns the files below a folder, but for packages that were installed there.
    fn files(folder: &Path, below: &str) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder is there");
        let names = entries.map(|entry| entry.expect("a readable entry").file_name());
        let names = names.map(|name| name.into_string().expect("names are UTF-8"));
        let paths = names.filter(|name| name != "node_modules").map(|name| {
            let path = folder.join(&name);
            if path.is_dir() {
                files(&path, &format!("{name}/"))
            } else {
                vec![below.to_owned() + &name]
            }
        });
        paths.flatten().collect()
    }

    #[test]
    fn every_target_and_every_file_of_its_server_comes_with_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets");
        let mut there = files(&folder, "");
        let mut shipped: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        there.sort_unstable();
        shipped.sort_unstable();
        assert_eq!(shipped, there);
    }
}
