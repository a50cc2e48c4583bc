// A Lambda function in JavaScript that has people told of what must not wait.
//
// Every record from ALARM on is published to LOGTABLE_ALERT_TOPIC_ARNS. Locator
// 7 asks for more by itself, which LOGTABLE_ALERT_ALLOW must allow.

const log = (line) => console.log(JSON.stringify(line));

export const handler = async () => {
  log({ locator: "2", level: "INFO", text: "taking stock" });
  try {
    ({ apples: { left: 3 } }).pears.left;
  } catch ({ name, message, stack }) {
    log({ locator: "5", level: "ERROR", text: "cannot count the pears", exception: { name, message, stack } });
  }
  const topic_arns = [process.env.STORE_TOPIC];
  log({
    locator: "7", level: "ALARM", text: "the store is nearly empty",
    alert: [
      { channel: "sns", topic_arns, message: "3 apples left: order some" },
      { channel: "pigeon", topic_arns, message: "this one is refused" },
    ],
  });
  return "done";
};
