// webpack with nothing set but where things are.
import webpack from "webpack";

const settings = { mode: "production", entry: "./app.js", output: { filename: "app.js" } };
const stats = await new Promise((resolve, reject) => webpack(settings, (error, stats) => (error ? reject(error) : resolve(stats))));
console.log(stats.toString());
process.exit(stats.hasErrors() ? 1 : 0);
