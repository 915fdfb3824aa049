"""veraPDF, the reference validator of PDF/A and PDF/UA (GPL-3.0-or-later or MPL-2.0): jars from Maven Central."""

from __future__ import annotations

import subprocess
from pathlib import Path

from engines import cache, maven

VERSION = "1.30.2"
MINIMUM_JAVA = 17
_LIMIT_S = 120
_PROGRAM = """\
import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;

public class Check {
  public static void main(String[] given) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    for (int at = 1; at < given.length; at++) {
      var flavour = PDFAFlavour.fromString(given[at]);
      try (var file = new FileInputStream(given[0]);
           var parser = Foundries.defaultInstance().createParser(file, flavour)) {
        var result = Foundries.defaultInstance().createValidator(flavour, false).validate(parser);
        System.out.println(given[at] + (result.isCompliant() ? " PASS" : " FAIL"));
        for (var each : result.getTestAssertions())
          if (each.getStatus() != org.verapdf.pdfa.results.TestAssertion.Status.PASSED)
            System.out.println("  " + each.getRuleId().getClause() + "-" + each.getRuleId().getTestNumber() + " "
                + each.getMessage());
      }
    }
  }
}
"""


def jars() -> Path:
    """Where they are. Raises ``EngineAbsent``."""
    cache.java(MINIMUM_JAVA)
    return maven.jars(f"verapdf-{VERSION}", (f"org.verapdf:validation-model:{VERSION}",), timeout_s=400)


class VeraPdf:
    """A validator; ``folder`` holds its one source file, which Java compiles as it runs."""

    def __init__(self, folder: Path) -> None:
        self._java = cache.java(MINIMUM_JAVA)
        self._jars = jars()
        self._source = folder / "Check.java"
        self._source.write_text(_PROGRAM)

    def check(self, pdf: Path, *flavours: str) -> str:
        """A line a flavour (``3a``, ``ua1``): ``PASS``, or ``FAIL`` and what failed."""
        command = [
            self._java,
            "-Djava.awt.headless=true",
            "-cp",
            f"{self._jars}/*",
            str(self._source),
            str(pdf),
        ]
        ran = subprocess.run(
            [*command, *flavours], capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
        return ran.stdout
