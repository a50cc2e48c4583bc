//! A Lambda function in Rust that logs an informational line and an error.

use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

fn log(locator: &str, level: &str, text: String, exception: Option<String>) {
    println!("{}", json!({"locator": locator, "level": level, "text": text, "exception": exception}));
}

async fn handle(event: LambdaEvent<Value>) -> Result<String, Error> {
    let name = event.payload["name"].as_str().unwrap_or("world");
    log("1", "INFO", format!("hello {name}, from Rust"), None);
    if let Err(error) = "seven".parse::<i32>() {
        log("2", "ERROR", "cannot count the items".into(), Some(format!("{error:?}")));
    }
    Ok(format!("hello {name}"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
