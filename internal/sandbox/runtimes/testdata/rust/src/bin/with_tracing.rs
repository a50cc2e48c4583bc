//! Logs through tracing with the runtime client's own subscriber, which writes
//! text or, in the JSON log format, JSON.

use lambda_runtime::{run, service_fn, tracing, Error, LambdaEvent};
use serde_json::Value;

async fn handle(event: LambdaEvent<Value>) -> Result<(), Error> {
    tracing::info!(order = 17, "hello {}", event.payload["name"].as_str().unwrap_or("world"));
    tracing::warn!("only one pear left");
    if let Err(error) = "seven".parse::<i32>() {
        tracing::error!(%error, "cannot count the items");
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(handle)).await
}
