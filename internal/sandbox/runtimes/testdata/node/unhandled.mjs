// Logs an entry of two lines and fails with an error that nobody catches.

const price = (order) => order.price;

export const handler = async (event) => {
  console.log(JSON.stringify({ locator: "1", level: "INFO", text: `hello ${event.name}` }));
  console.warn("there is no order\nto price");
  return price(null);
};
