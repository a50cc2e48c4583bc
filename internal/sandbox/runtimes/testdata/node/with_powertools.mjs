// Logs through Powertools, without a thought of Logtable.

import { Logger } from "@aws-lambda-powertools/logger";

const logger = new Logger({ serviceName: "orders" });

export const handler = async (event, context) => {
  logger.addContext(context);
  logger.info(`hello ${event.name}`, { order: 17 });
  logger.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    logger.error("cannot price the order", error);
  }
};
