// A Lambda function in JavaScript that logs an informational line and an error.

const log = (line) => console.log(JSON.stringify(line));

export const handler = async (event) => {
  const name = event.name ?? "world";
  log({ locator: "1", level: "INFO", text: `hello ${name}, from Node.js` });
  try {
    null.price;
  } catch (error) {
    const { name, message, stack } = error;
    log({ locator: "2", level: "ERROR", text: "cannot price the order", exception: { name, message, stack } });
  }
  return `hello ${name}`;
};
