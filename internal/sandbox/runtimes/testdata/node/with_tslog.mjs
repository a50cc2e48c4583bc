// Logs through tslog as JSON.

import { Logger } from "tslog";

const logger = new Logger({ type: "json", name: "orders" });

export const handler = async (event) => {
  logger.info(`hello ${event.name}`, { order: 17 });
  logger.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    logger.error("cannot price the order", error);
  }
};
