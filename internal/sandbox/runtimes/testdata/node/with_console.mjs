// Logs JSON lines through the console's methods, one per level.

console.info(JSON.stringify({ locator: "0", level: "INFO", text: "loading" }));

export const handler = async (event) => {
  console.info(JSON.stringify({ locator: "1", level: "INFO", text: `hello ${event.name}` }));
  try {
    null.price;
  } catch (error) {
    console.error(JSON.stringify({ locator: "2", level: "ERROR", text: "cannot price the order", exception: error.stack }));
  }
};
