// Logs through DAZN's Lambda Powertools.

import Log from "@dazn/lambda-powertools-logger";

export const handler = async (event) => {
  Log.info(`hello ${event.name}`, { order: 17 });
  Log.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    Log.error("cannot price the order", error);
  }
};
