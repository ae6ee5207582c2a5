// The start of every command (npm run setup, reproduce, notebooks, test, lab, checkpoints, data, artifacts, results, findings, reference).
// Only old syntax here: a Node that is too old must reach the message below.
var found = process.versions.node.split(".").map(Number);
var enough = (found[0] === 20 && found[1] >= 19) || (found[0] === 22 && found[1] >= 12) || found[0] >= 23;

if (enough) {
  import("./run.mjs").then((run) => run.main(process.argv.slice(2)));
} else {
  process.stderr.write(
    'Set-up stopped at "Node": Node ' +
      process.versions.node +
      " is too old, this project needs 20.19 or later (20.19+, 22.12+ or 24).\n" +
      "Install one (nodejs.org, nvm, or `npx -y node@22`) and run the same command again.\n",
  );
  process.exitCode = 1;
}
