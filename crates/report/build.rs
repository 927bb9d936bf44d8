//! Compresses plotly.js, which is most of a page.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::{env, fs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

const PLOTLY: &str = "assets/plotly/plotly-basic.min.js";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PLOTLY}");
    let plotly = fs::read(PLOTLY)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&plotly)?;
    let packed = STANDARD.encode(encoder.finish()?);
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("plotly.gz.base64"), packed)?;
    // With this hash, the content security policy of a page allows the unpacked text to run.
    println!("cargo::rustc-env=PLOTLY_HASH=sha256-{}", STANDARD.encode(Sha256::digest(&plotly)));
    Ok(())
}
