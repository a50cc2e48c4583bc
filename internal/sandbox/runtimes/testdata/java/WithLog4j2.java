import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/** Logs through Log4j 2, laid out as JSON by the configuration, without a thought of Logtable. */
public class WithLog4j2 implements RequestHandler<Map<String, String>, String> {
  private static final Logger logger = LogManager.getLogger("orders");

  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    logger.info("hello {}", event.get("name"));
    logger.warn("only one pear left");
    try {
      Integer.parseInt("seven");
    } catch (NumberFormatException e) {
      logger.error("cannot count the items", e);
    }
    return null;
  }
}
