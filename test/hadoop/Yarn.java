import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Map;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.mapred.JobConf;
import org.apache.hadoop.mapreduce.v2.MiniMRYarnCluster;

/** A ResourceManager, NodeManagers and the JobHistory server over a file system that runs, and configurations for clients. */
class Yarn {
  private static final String WATCHED = "yarn.nodemanager.pmem-check-enabled";

  /** A copy that start may be called with. */
  static Configuration configuration(Configuration of) {
    return new Configuration(of) {
      @Override
      public void setBoolean(String name, boolean value) { // the mini cluster would switch it off
        super.setBoolean(name, value || name.equals(WATCHED));
      }
    };
  }

  /** Starts the daemons, with so many NodeManagers and flags for the Java of tasks, and returns what a client has to know of all of c. */
  static Configuration start(Configuration c, int nodes, String jvm) {
    // What a container is given, and what it is killed for: real memory, looked at often. Virtual memory means nothing.
    c.setInt("yarn.minicluster.yarn.nodemanager.resource.memory-mb", 2304);
    c.setInt("yarn.nodemanager.resource.cpu-vcores", 8);
    c.setInt("yarn.scheduler.minimum-allocation-mb", 64);
    c.setInt("yarn.scheduler.maximum-allocation-mb", 2304);
    c.setBoolean("yarn.minicluster.control-resource-monitoring", true); // or else nothing is looked at
    c.setBoolean(WATCHED, true);
    c.setBoolean("yarn.nodemanager.vmem-check-enabled", false);
    c.setBoolean("yarn.nodemanager.resource.memory.enforced", false); // by cgroups, which are not there
    c.setInt("yarn.nodemanager.container-monitor.interval-ms", 250);
    c.setFloat("yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", 99.5f);
    c.setInt("yarn.nodemanager.delete.debug-delay-sec", 0);
    c.setInt("yarn.resourcemanager.nodemanagers.heartbeat-interval-ms", 200);
    c.setInt("yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms", 200);
    c.setInt("yarn.app.mapreduce.am.resource.mb", 768);
    c.setInt("mapreduce.map.memory.mb", 768);
    c.setInt("mapreduce.reduce.memory.mb", 768);
    c.setInt("mapreduce.task.io.sort.mb", 32);
    c.set("mapreduce.map.java.opts", "-Xmx200m " + jvm);
    c.set("mapreduce.reduce.java.opts", "-Xmx200m " + jvm);
    c.set("yarn.app.mapreduce.am.command-opts", "-Xmx400m " + jvm);
    c.setInt("mapreduce.client.progressmonitor.pollinterval", 200);
    c.setInt("mapreduce.client.completion.pollinterval", 200);
    c.set("yarn.app.mapreduce.am.staging-dir", "/staging"); // the mini cluster removes what is there
    c.setBoolean("yarn.timeline-service.enabled", false);
    c.setBoolean("yarn.log-aggregation-enable", true); // for "yarn logs"
    c.set("yarn.nodemanager.remote-app-log-dir", "/tmp/logs");

    MiniMRYarnCluster mr = new MiniMRYarnCluster("weir", nodes);
    mr.init(c);
    mr.start();
    Configuration client = new Configuration(false);
    Configuration defaults = new JobConf();
    for (Map.Entry<String, String> e : mr.getConfig()) { // without what every client has anyway
      if (!e.getValue().equals(defaults.getRaw(e.getKey()))) {
        client.set(e.getKey(), e.getValue());
      }
    }
    return client;
  }

  /** Writes what a client has to know as every file of a configuration. */
  static void write(Configuration client, Path conf) throws IOException {
    for (String site : new String[] {"core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml"}) {
      try (OutputStream out = new FileOutputStream(conf.resolve(site).toFile())) {
        client.writeXml(out);
      }
    }
  }
}
