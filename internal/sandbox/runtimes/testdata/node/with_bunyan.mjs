// Logs through bunyan.

import bunyan from "bunyan";

const logger = bunyan.createLogger({ name: "orders" });

export const handler = async (event) => {
  logger.info({ order: 17 }, `hello ${event.name}`);
  logger.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    logger.error(error, "cannot price the order");
  }
};
