// Logs through winston as it is without a format: JSON with nothing but a level and a message.

import winston from "winston";

const logger = winston.createLogger({ transports: [new winston.transports.Console()] });

export const handler = async (event) => {
  logger.info(`hello ${event.name}`, { order: 17 });
  logger.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    logger.error("cannot price the order:", error);
  }
};
