import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** Fails with an exception that nobody catches. */
public class Unhandled implements RequestHandler<Map<String, String>, String> {
  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    System.out.println("{\"locator\":\"1\",\"level\":\"INFO\",\"text\":\"hello " + event.get("name") + "\"}");
    return String.valueOf(Integer.parseInt("seven"));
  }
}
