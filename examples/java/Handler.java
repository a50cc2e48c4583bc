import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;

/** A Lambda function in Java that logs an informational line and an error. */
public class Handler implements RequestHandler<Map<String, String>, String> {
  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    String name = event.getOrDefault("name", "world");
    log("1", "INFO", "hello " + name + ", from Java", null);
    try {
      Integer.parseInt("seven");
    } catch (NumberFormatException e) {
      log("2", "ERROR", "cannot count the items", e);
    }
    return "hello " + name;
  }

  private static void log(String locator, String level, String text, Throwable exception) {
    StringWriter stack = new StringWriter();
    if (exception != null) {
      exception.printStackTrace(new PrintWriter(stack));
    }
    System.out.println("{\"locator\":" + quote(locator) + ",\"level\":" + quote(level) + ",\"text\":" + quote(text)
        + ",\"exception\":" + quote(stack.toString()) + "}");
  }

  /** Its argument as a JSON string; a JSON library would do as well. */
  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < ' ') {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }
}
