"""The same training by Spark MLlib: Tokenizer, HashingTF, NaiveBayes. It is what weir on Spark is compared with.

    mllib.py GOOD BAD SPLIT-BYTES

Lines of the files GOOD and BAD, of which there may be several with commas between, are records; the model is fitted and not kept.
"""
import sys

from pyspark.ml import Pipeline
from pyspark.ml.classification import NaiveBayes
from pyspark.ml.feature import HashingTF, Tokenizer
from pyspark.sql import SparkSession
from pyspark.sql.functions import lit

spark = (SparkSession.builder.appName("mllib")
         .config("spark.sql.files.maxPartitionBytes", sys.argv[3]).config("spark.sql.files.openCostInBytes", "0").getOrCreate())
spark.sparkContext.setLogLevel("WARN")


def lines(names, label):
    return spark.read.text(names.split(",")).withColumn("label", lit(label))


records = lines(sys.argv[1], 0.0).union(lines(sys.argv[2], 1.0))
tokenizer = Tokenizer(inputCol="value", outputCol="words")
model = Pipeline(stages=[tokenizer, HashingTF(inputCol="words", outputCol="features", numFeatures=1 << 18), NaiveBayes()]).fit(records)
print("weir:fitted %d classes, %d features" % (model.stages[-1].numClasses, model.stages[-1].numFeatures))
spark.stop()
