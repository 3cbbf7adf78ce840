//! Turns the `.proto` file into Rust and into the descriptors that reflection hands out. No `protoc` is needed.

use std::error::Error;
use std::path::PathBuf;

const PROTO: &str = "engram/v1/service.proto";

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::Compiler::new(["proto"])?
        .include_source_info(true)
        .include_imports(true)
        .open_file(PROTO)?
        .file_descriptor_set();
    let file = PathBuf::from(std::env::var("OUT_DIR")?).join("engram.v1.bin");
    std::fs::write(file, protox::prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure()
        .build_client(false)
        .compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
