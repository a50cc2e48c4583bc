// Logs through the console's methods, without a thought of Logtable.

export const handler = async (event) => {
  console.info(`hello ${event.name}`);
  try {
    null.price;
  } catch (error) {
    console.error("cannot price the order", error);
  }
};
