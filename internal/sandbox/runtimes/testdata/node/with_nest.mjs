// Logs through NestJS's ConsoleLogger as JSON.

import "reflect-metadata";
import { ConsoleLogger } from "@nestjs/common";

const logger = new ConsoleLogger("orders", { json: true });

export const handler = async (event) => {
  logger.log(`hello ${event.name}`);
  logger.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    logger.error("cannot price the order", error.stack);
  }
};
