// The first of three functions that tell one story: it takes an order and
// invokes story-python, which reserves the goods.
//
// A Lambda client of AWS's SDK passes the trace on by itself. Here a plain
// request does, so that the sample needs no package.

const log = (line) => console.log(JSON.stringify(line));

const invoke = async (name, event) => {
  const response = await fetch(`${process.env.AWS_ENDPOINT_URL_LAMBDA}/2015-03-31/functions/${name}/invocations`, {
    method: "POST",
    headers: { "X-Amzn-Trace-Id": process.env._X_AMZN_TRACE_ID },
    body: JSON.stringify(event),
  });
  return response.json();
};

export const handler = async ({ order }) => {
  log({ locator: "1", level: "INFO", text: "order taken", order });
  const { reserved } = await invoke("story-python", { order });
  log({ locator: "2", level: "INFO", text: `${reserved} items reserved`, order });
  return { order, reserved };
};
