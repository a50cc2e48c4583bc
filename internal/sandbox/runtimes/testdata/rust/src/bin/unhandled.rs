//! Panics.

use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handle(event: LambdaEvent<Value>) -> Result<(), Error> {
    println!("{}", json!({"locator": "1", "level": "INFO", "text": format!("hello {}", event.payload["name"].as_str().unwrap_or("world"))}));
    let count: i32 = "seven".parse().unwrap();
    println!("{count} items");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
