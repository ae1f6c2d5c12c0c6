// Files for any static host: the runner's server has no Node part.
export default { output: "export" };
