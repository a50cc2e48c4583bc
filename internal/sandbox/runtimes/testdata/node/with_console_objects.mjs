// Hands the console objects, which Lambda's JSON log format keeps as they are.

export const handler = async (event) => {
  console.log({ locator: "1", level: "INFO", text: `hello ${event.name}` });
  try {
    null.price;
  } catch ({ name, message, stack }) {
    console.log({ locator: "2", level: "ERROR", text: "cannot price the order", exception: { name, message, stack } });
  }
};
